import type { Network } from '@kd/core';
import { frozen, type Recording, recordTeacher } from '@kd/trainer';
import { percent } from '../format.ts';
import { type Context, storeOf, trained, trainingBatches } from './context.ts';

/** Name and folder of a recording. */
export function recordingStage(seed: number): string {
  return `recording-${seed}`;
}

/** The teacher looks once at every view that the student of this seed will see. */
export async function recordStage(context: Context, seed: number): Promise<void> {
  const { ledger, log } = context;
  const name = recordingStage(seed);
  const started = performance.now();
  const network = await trained(context, 'teacher', ledger.record.config.seeds[0] as number);
  const recording = await recordTeachersViews(context, network, seed).finally(() => network.dispose());
  const seconds = ledger.record.recordings[name]?.seconds ?? (performance.now() - started) / 1000;
  await ledger.recording(name, { seed, views: recording.views.length, seconds });
  const accuracy = recording.accuracy.reduce((sum, one) => sum + one, 0) / recording.accuracy.length;
  log(`views: ${recording.views.length}; the teacher is right about ${percent(accuracy)} of the training pictures`);
}

/** The recording that is there already, or a new one. @param network The teacher. */
export function recordTeachersViews(context: Context, network: Network, seed: number): Promise<Recording> {
  const { ledger, openProgress, signal } = context;
  const { student, views } = ledger.record.config;
  return recordTeacher({
    teacher: frozen(network),
    batches: trainingBatches(context, 'distilled', seed),
    store: storeOf(context, recordingStage(seed)),
    views: Math.min(views.count, student.epochs),
    openProgress,
    signal,
  });
}

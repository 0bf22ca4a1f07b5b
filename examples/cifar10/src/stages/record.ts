import type { Network } from '@kd/core';
import { frozen, type Recording, recordTeacher } from '@kd/trainer';
import { percent } from '../format.ts';
import type { Pupil } from '../record/pupils.ts';
import { type Context, storeOf, trainingBatches } from './context.ts';
import { trained } from './trained.ts';

/** Name and folder of what a pupil's teacher says to it. */
export function recordingStage({ actor, name, seed }: Pupil): string {
  return actor === 'distilled' ? `recording-${seed}` : `recording-${name}`;
}

/** A teacher looks once at every view that its pupil will see. */
export async function recordStage(context: Context, pupil: Pupil, teacher: Pupil): Promise<void> {
  const { ledger, log } = context;
  const { seed } = pupil;
  const name = recordingStage(pupil);
  const started = performance.now();
  const network = await trained(context, teacher);
  const recording = await recordTeachersViews(context, network, pupil).finally(() => network.dispose());
  const seconds = ledger.record.recordings[name]?.seconds ?? (performance.now() - started) / 1000;
  await ledger.recording(name, { seed, views: recording.views.length, seconds });
  const accuracy = recording.accuracy.reduce((sum, one) => sum + one, 0) / recording.accuracy.length;
  log(`views: ${recording.views.length}; the ${teacher.title} is right about ${percent(accuracy)} of the training pictures`);
}

/** The recording that is there already, or a new one. @param network The teacher. */
export function recordTeachersViews(context: Context, network: Network, pupil: Pupil): Promise<Recording> {
  const { ledger, openProgress, signal } = context;
  const { views } = ledger.record.config;
  return recordTeacher({
    teacher: frozen(network),
    batches: trainingBatches(context, pupil),
    store: storeOf(context, recordingStage(pupil)),
    views: Math.min(views.count, pupil.choice.epochs),
    openProgress,
    signal,
  });
}

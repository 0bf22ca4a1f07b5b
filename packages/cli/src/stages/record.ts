import type { Network } from '@kd/core';
import { percent } from '@kd/report';
import { cacheOutputs, networkTeacher, type OutputCache } from '@kd/trainer';
import type { Pupil } from '../record/pupils.ts';
import { throughBody } from './body.ts';
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
  const recording = await recordTeachersViews(context, { network, pupil: teacher }, pupil).finally(
    () => network.dispose(),
  );
  const seconds = ledger.record.recordings[name]?.seconds ?? (performance.now() - started) / 1000;
  await ledger.recording(name, { seed, views: recording.views.length, seconds });
  const accuracy =
    recording.accuracy.reduce((sum, one) => sum + one, 0) / recording.accuracy.length;
  log(
    `views: ${recording.views.length}; the ${teacher.title} is right about ${percent(accuracy)} of the training pictures`,
  );
}

/** A teacher, and how it came to be one. */
interface Trained {
  readonly network: Network;
  readonly pupil: Pupil;
}

/**
 * The recording that is there already, or a new one. Of a teacher with a body from elsewhere, what
 * its body said is recorded before, and asked.
 */
async function recordTeachersViews(
  context: Context,
  teacher: Trained,
  pupil: Pupil,
): Promise<OutputCache> {
  const { createProgress, signal } = context;
  const views = viewsOf(context, pupil);
  const batches = trainingBatches(context, pupil);
  const said =
    teacher.pupil.choice.body === undefined
      ? undefined
      : await throughBody(context, teacher.network, pupil, batches, views);
  const options = said ?? { teacher: networkTeacher(teacher.network), data: batches };
  return cacheOutputs({
    ...options,
    store: storeOf(context, recordingStage(pupil)),
    views,
    createProgress,
    signal,
  });
}

/** How many views of every picture a pupil sees. */
export function viewsOf({ ledger }: Context, { choice }: Pupil): number {
  return Math.min(ledger.record.config.views.count, choice.epochs);
}

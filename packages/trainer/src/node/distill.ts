import type { Network, Store, Teacher } from '@kd/core';
import { createProgress as createTerminalProgress } from '@kd/core/node';
import { directoryStore } from '@kd/files/node';
import { networkTeacher } from '../teachers/frozen.ts';
import { cacheOutputs, identityOfTeacher } from '../teachers/recordTeacher.ts';
import { cachedTeacher } from '../teachers/replayTeacher.ts';
import {
  logToStderr,
  percent,
  runTraining,
  type TrainingOptions,
  type TrainingResult,
  withSignal,
} from './follow.ts';

export interface DistillOptions extends TrainingOptions {
  readonly teacher: Network | Teacher;
  readonly student: Network;
  /**
   * Whether the teacher looks at every view of every picture once, before the training, and is
   * replayed from a file. By default it does where the
   * source has a finite number of views and the teacher an identity, and the training is not that
   * of a group. A loss on features needs `taps`, or `record: false`.
   */
  readonly record?: boolean;
  /**
   * Names of the teacher's features that are recorded beside its logits, for losses on them; none.
   * Memory: all rows under one view.
   */
  readonly taps?: readonly string[];
  /** Where the recording is; `directory` by default. Several trainings can share one. */
  readonly recordingDirectory?: string;
}

/**
 * Teaches a student: records the teacher where that is worth it, then `train` with checkpoints in a
 * folder, progress, early stopping and Ctrl-C,
 * and the best weights put back at the end.
 * The objective has no default, for the losses are a package of their own; hard 0.1 and soft 0.9 at
 * temperature 4 is usual.
 */
export async function distill(options: DistillOptions): Promise<TrainingResult> {
  const { student, data: train, directory } = options;
  return withSignal(options.signal, async (signal) => {
    const live =
      typeof options.teacher === 'function' ? options.teacher : networkTeacher(options.teacher);
    const {
      group,
      record = group === undefined &&
        Number.isFinite(train.viewCount) &&
        live.fingerprint !== undefined,
    } = options;
    let teacher = live;
    try {
      if (record) teacher = await recordedTeacher(live, options, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      const kept =
        options.taps === undefined
          ? 'nothing of it is saved. Run again to begin anew.'
          : 'Run again to go on.';
      (options.log ?? logToStderr)(`Interrupted while the teacher was recorded; ${kept}`);
      return {
        history: [],
        best: undefined,
        last: undefined,
        directory,
        interrupted: { epoch: 0, step: 0 },
      };
    }
    return runTraining(
      { ...options, student, data: train, teacher, store: directoryStore(directory), signal },
      options,
    );
  });
}

async function recordedTeacher(
  teacher: Teacher,
  options: DistillOptions,
  signal: AbortSignal,
): Promise<Teacher> {
  const { data: batches, epochs, taps, directory, recordingDirectory = directory } = options;
  const { createProgress = createTerminalProgress(), log = logToStderr } = options;
  const views = Math.min(batches.viewCount, epochs);
  const store: Store = directoryStore(recordingDirectory);
  const { accuracy } = await cacheOutputs({
    teacher,
    data: batches,
    store,
    views,
    taps,
    createProgress,
    signal,
  });
  const mean = accuracy.reduce((sum, one) => sum + one, 0) / accuracy.length;
  log(
    `The teacher is right about ${percent(mean)} of ${batches.dataset.name} (views recorded in ${store.location}: ${accuracy.length}).`,
  );
  return cachedTeacher({
    store,
    data: batches,
    views,
    taps,
    teacher: await identityOfTeacher(teacher),
  });
}

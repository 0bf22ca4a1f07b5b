import type { Network, Teacher } from '@kd/core';
import { formatPercent } from '@kd/core/internal';
import { createProgress as createTerminalProgress } from '@kd/core/node';
import { directoryStore } from '@kd/files/node';
import { cachedTeacher } from '../cache/cachedTeacher.ts';
import { cacheOutputs, teacherFingerprint } from '../cache/cacheOutputs.ts';
import { LOGITS } from '../cache/format.ts';
import { networkTeacher } from '../teachers/networkTeacher.ts';
import {
  logToStderr,
  runTraining,
  type TrainingOptions,
  type TrainingResult,
  withSignal,
} from './runTraining.ts';

/** Options of `distill`. */
export interface DistillOptions extends TrainingOptions {
  readonly teacher: Network | Teacher;
  /** Trained in place; it still belongs to the caller. */
  readonly student: Network;
  /**
   * Whether the teacher is evaluated once on every view of every image before the training, and its
   * outputs are then read from a cache. By default they are if the data have a finite number of
   * views, the teacher has a fingerprint and the training is not in a group. A loss on features
   * needs `features`, or `cache: false`.
   */
  readonly cache?: boolean;
  /** Names of the teacher's features to cache beside its logits, for losses on them; none. */
  readonly features?: readonly string[];
  /** Directory of the cache, `directory` by default; several trainings can share one. */
  readonly cacheDirectory?: string;
}

/**
 * Distils a teacher into a student: caches the teacher's outputs if that pays, then runs `train`
 * with checkpoints in a directory, a progress line, early stopping and Ctrl-C, with the weights of
 * the best epoch at the end. The objective has no default, since the losses are a package of their
 * own; cross entropy at weight 0.1 and soft targets at 0.9, temperature 4, are usual.
 */
export async function distill(options: DistillOptions): Promise<TrainingResult> {
  const { teacher, cache, features, cacheDirectory, ...training } = options;
  return withSignal(options.signal, async (signal) => {
    const live = typeof teacher === 'function' ? teacher : networkTeacher(teacher);
    const {
      data,
      group,
      directory,
      log = logToStderr,
      createProgress = createTerminalProgress(),
    } = training;
    const isWorthwhile =
      group === undefined && Number.isFinite(data.viewCount) && live.fingerprint !== undefined;
    const asLive = { ...training, validationTeacher: training.validationTeacher ?? live };
    if (!(cache ?? isWorthwhile)) return runTraining({ ...asLive, teacher: live, signal });
    let cached: Teacher;
    try {
      cached = await cacheTeacher(live, {
        data,
        directory: cacheDirectory ?? directory,
        outputs: [LOGITS, ...(features ?? [])],
        views: Math.min(data.viewCount, training.epochs),
        log,
        createProgress,
        signal,
      });
    } catch (error) {
      if (!signal.aborted) throw error;
      log('Interrupted while the teacher was cached; run again to continue.');
      const interrupted = { epoch: 0, step: 0 };
      return { history: [], best: undefined, last: undefined, directory, interrupted };
    }
    return runTraining({ ...asLive, teacher: cached, signal });
  });
}

interface CacheTeacherOptions
  extends Required<Pick<TrainingOptions, 'data' | 'directory' | 'log' | 'createProgress'>> {
  readonly outputs: readonly string[];
  readonly views: number;
  readonly signal: AbortSignal;
}

async function cacheTeacher(teacher: Teacher, options: CacheTeacherOptions): Promise<Teacher> {
  const { directory, log, createProgress, signal, ...common } = options;
  const store = directoryStore(directory);
  const { accuracy } = await cacheOutputs({ teacher, store, createProgress, signal, ...common });
  const mean = accuracy.reduce((sum, one) => sum + one, 0) / accuracy.length;
  const cached = `${accuracy.length} views cached in ${store.location}`;
  log(
    common.data.labelledImages === 0
      ? `The teacher answers in place of labels on ${common.data.dataset.name} (${cached}).`
      : `The teacher's accuracy on ${common.data.dataset.name} is ${formatPercent(mean)} (${cached}).`,
  );
  return cachedTeacher({ store, teacher: await teacherFingerprint(teacher), ...common });
}

import type { Network, ProcessGroup, Progress, ProgressFactory, Teacher } from '@kd/core';
import { formatDuration, formatPercent } from '@kd/core/internal';
import { createProgress as createTerminalProgress, sigintSignal } from '@kd/core/node';
import { directoryStore } from '@kd/files/node';
import { BEST_FILE, loadCheckpoint } from '../checkpoint.ts';
import type { TrainOptions } from '../options.ts';
import { rankZeroStore } from '../processGroup.ts';
import {
  type EpochReport,
  type StepReport,
  TrainingInterruptedError,
  type TrainingPosition,
} from '../reports.ts';
import { train } from '../train.ts';
import { loadVariables } from '../variables.ts';

/** Options that `fit` and `distill` have in common. */
export interface TrainingOptions extends Omit<TrainOptions, 'student' | 'teacher' | 'store'> {
  /**
   * Directory of the checkpoints, created if there is none. Without `resume` an earlier training in
   * it is replaced.
   */
  readonly directory: string;
  /** Beginning of the progress line, such as `student`; `train`. */
  readonly label?: string;
  /** Shows progress: by default a bar in a terminal and plain lines elsewhere. */
  readonly createProgress?: ProgressFactory;
  /**
   * Called after each epoch, when it is saved; the training waits for it. @param history Reports of
   * all epochs, including those before a resume.
   */
  readonly onEpoch?: (history: readonly EpochReport[]) => void | Promise<void>;
  /** Receives the few lines that are no progress; by default they go to stderr. */
  readonly log?: (line: string) => void;
}

/** Result of `fit` and `distill`. */
export interface TrainingResult {
  /** Reports of all epochs, including those before a resume. */
  readonly history: readonly EpochReport[];
  /**
   * The epoch whose weights the network has; undefined if the training was interrupted before the
   * end of the first.
   */
  readonly best: EpochReport | undefined;
  readonly last: EpochReport | undefined;
  readonly directory: string;
  /**
   * Position at which Ctrl-C or the signal stopped the training; the network then has the weights
   * of that moment.
   */
  readonly interrupted: TrainingPosition | undefined;
}

/** Runs something with the caller's signal, or else with one that Ctrl-C aborts. */
export async function withSignal<Result>(
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (signal !== undefined) return run(signal);
  const sigint = sigintSignal();
  try {
    return await run(sigint.signal);
  } finally {
    sigint.dispose();
  }
}

/** Writes a line to stderr. */
export function logToStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Options of `runTraining`. */
export interface RunTrainingOptions extends TrainingOptions {
  readonly student: Network;
  readonly teacher: Teacher | undefined;
  readonly signal: AbortSignal;
}

/** Trains with a progress line, and loads the weights of the best epoch at the end. */
export async function runTraining(options: RunTrainingOptions): Promise<TrainingResult> {
  const { label, createProgress, onEpoch, log, directory, onStep, ...trainOptions } = options;
  const { student, group, resume = false } = trainOptions;
  const output = rankZeroOutput({ log, createProgress }, group);
  const store = directoryStore(directory);
  const shared = rankZeroStore(store, group);
  const earlier = resume ? await loadCheckpoint(shared) : undefined;
  const history: EpochReport[] = [...(earlier?.progress.history ?? [])];
  const line = createProgressLine(trainOptions, label ?? 'train', output.createProgress);
  let interrupted: TrainingPosition | undefined;
  try {
    const onEveryStep = (step: StepReport) => {
      line.onStep(step);
      onStep?.(step);
    };
    for await (const report of train({ ...trainOptions, store, onStep: onEveryStep })) {
      history.push(report);
      line.onEpoch(report);
      await onEpoch?.(history);
    }
  } catch (error) {
    if (!(error instanceof TrainingInterruptedError)) throw error;
    interrupted = error.position;
  } finally {
    line.end();
  }
  if (interrupted === undefined) {
    const bytes = await shared.read(BEST_FILE);
    if (bytes !== undefined)
      await loadVariables(student, bytes, `${BEST_FILE} in ${store.location}`);
  } else {
    output.log(
      `Interrupted at epoch ${interrupted.epoch + 1}, step ${interrupted.step}; saved in ${directory}. Run again with resume: true to continue.`,
    );
  }
  return {
    history,
    best: history.filter(({ isBest }) => isBest).at(-1),
    last: history.at(-1),
    directory,
    interrupted,
  };
}

/** Log and progress of a training; in a group, only process 0 has them. */
function rankZeroOutput(
  {
    log = logToStderr,
    createProgress = createTerminalProgress(),
  }: {
    readonly log: TrainingOptions['log'];
    readonly createProgress: TrainingOptions['createProgress'];
  },
  group: ProcessGroup | undefined,
): Required<Pick<TrainingOptions, 'log' | 'createProgress'>> {
  if (group === undefined || group.rank === 0) return { log, createProgress };
  return { log: () => {}, createProgress: () => ({ update() {}, end() {} }) };
}

/** A progress line for each epoch, with the remaining time of the whole training. */
function createProgressLine(
  { data, epochs }: Pick<TrainOptions, 'data' | 'epochs'>,
  label: string,
  createProgress: ProgressFactory,
) {
  const images = Math.min(data.size, data.batchesPerEpoch * data.batchSize);
  let open: Progress | undefined;
  return {
    onStep(step: StepReport) {
      open ??= createProgress(`${label} ${step.epoch}/${epochs}`, images, 'images');
      const left = ((epochs - step.epoch + 1) * images - step.images) / step.imagesPerSecond;
      const loss = step.loss === undefined ? '' : `loss ${step.loss.toFixed(3)}, `;
      open.update(step.images, `${loss}${formatDuration(left)} left in all`);
    },
    onEpoch(report: EpochReport) {
      const loss = `loss ${(report.terms.total as number).toFixed(3)}`;
      open?.end([loss, ...describeResult(report), ...(report.isBest ? ['best'] : [])].join(', '));
      open = undefined;
    },
    end() {
      open?.end();
    },
  };
}

/** The accuracy of an epoch; of data without labels the agreement with the teacher, so named. */
function describeResult({ accuracy, agreement, validation }: EpochReport): readonly string[] {
  if (validation?.agreement !== undefined)
    return [`agreement with the teacher ${formatPercent(validation.agreement)} in validation`];
  if (validation !== undefined) return [`validation ${formatPercent(validation.top1)}`];
  if (accuracy !== undefined) return [`accuracy ${formatPercent(accuracy)}`];
  return agreement === undefined ? [] : [`agreement with the teacher ${formatPercent(agreement)}`];
}

import type { DataLoader, ProcessGroup, Progress, ProgressFactory, Store } from '@kd/core';
import { createProgress as createTerminalProgress, sigintSignal } from '@kd/core/node';
import { BEST, readCheckpoint } from '../checkpoints/checkpoint.ts';
import { loadVariables } from '../checkpoints/weights.ts';
import { sharedStore } from '../group/sharedStore.ts';
import { TrainingInterruptedError } from '../training/interrupted.ts';
import { train } from '../training/train.ts';
import type { EpochReport, StepReport, TrainingPosition, TrainOptions } from '../training/types.ts';

/** What `fit` and `distill` have in common. */
export interface TrainingOptions
  extends Omit<TrainOptions, 'student' | 'batches' | 'teacher' | 'store'> {
  readonly data: DataLoader;
  /**
   * Where the checkpoints go: a folder, made where there is none. Without `resume` an earlier
   * training in it is replaced.
   */
  readonly directory: string;
  /** For the progress line: `student`. */
  readonly label?: string;
  /** A bar in a terminal and plain lines elsewhere by default. */
  readonly createProgress?: ProgressFactory;
  /**
   * Told after each epoch, when it is saved; training goes on when it is done. @param history All
   * epochs, those before a resume included.
   */
  readonly onEpoch?: (history: readonly EpochReport[]) => void | Promise<void>;
  /** For the few lines besides progress; to stderr by default. */
  readonly log?: (line: string) => void;
}

export interface TrainingResult {
  /** A report for every epoch, those before a resume included. */
  readonly history: readonly EpochReport[];
  /**
   * The epoch whose weights the network holds now; undefined where it was interrupted before the
   * first was over.
   */
  readonly best: EpochReport | undefined;
  readonly last: EpochReport | undefined;
  readonly directory: string;
  /** Where Ctrl-C or the signal stopped it: then the network holds the weights of that moment. */
  readonly interrupted: TrainingPosition | undefined;
}

/** Ctrl-C as the signal, unless the caller has one of his own. */
export async function withSignal<Result>(
  given: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (given !== undefined) return run(given);
  const { signal, dispose } = sigintSignal();
  try {
    return await run(signal);
  } finally {
    dispose();
  }
}

export function logToStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Where progress and lines go: of a group the first process alone speaks. */
export function speaker(
  {
    log = logToStderr,
    createProgress = createTerminalProgress(),
  }: Pick<TrainingOptions, 'log' | 'createProgress'>,
  group: ProcessGroup | undefined,
): Required<Pick<TrainingOptions, 'log' | 'createProgress'>> {
  if (group === undefined || group.rank === 0) return { log, createProgress };
  return { log: () => {}, createProgress: () => ({ update() {}, end() {} }) };
}

/** Trains, draws progress, and puts the best weights back once, after the last epoch. */
export async function runTraining(
  options: TrainOptions & { readonly store: Store },
  extra: TrainingOptions,
): Promise<TrainingResult> {
  const { student, resume = false, group } = options;
  const store = sharedStore(options.store, group);
  const { directory } = extra;
  const { log, createProgress } = speaker(extra, group);
  const earlier = resume ? await readCheckpoint(store) : undefined;
  const history: EpochReport[] = [...(earlier?.state.history ?? [])];
  const line = progressOfEpochs(options, { ...extra, createProgress });
  let interrupted: TrainingPosition | undefined;
  try {
    for await (const report of train({ ...options, onStep: line.onStep })) {
      history.push(report);
      line.onEpoch(report);
      await extra.onEpoch?.(history);
    }
  } catch (error) {
    if (!(error instanceof TrainingInterruptedError)) throw error;
    interrupted = error.position;
  } finally {
    line.end();
  }
  if (interrupted === undefined) {
    const bytes = await store.read(BEST);
    if (bytes !== undefined) await loadVariables(student, bytes, `${BEST} in ${store.location}`);
  } else {
    log(
      `Interrupted at epoch ${interrupted.epoch + 1}, step ${interrupted.step}; saved in ${directory}. Run again with resume: true to go on.`,
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

/** A progress line for each epoch, with the time left of all. */
function progressOfEpochs(
  { data: batches, epochs }: TrainOptions,
  {
    onStep,
    createProgress,
    label = 'train',
  }: TrainingOptions & Pick<Required<TrainingOptions>, 'createProgress'>,
) {
  const images = Math.min(batches.size, batches.batchesPerEpoch * batches.batchSize);
  let open: Progress | undefined;
  return {
    onStep(step: StepReport) {
      open ??= createProgress(`${label} ${step.epoch}/${epochs}`, images, 'images');
      const left = ((epochs - step.epoch + 1) * images - step.images) / step.imagesPerSecond;
      open.update(
        step.images,
        `${step.loss === undefined ? '' : `loss ${step.loss.toFixed(3)}, `}${durationOf(left)} left in all`,
      );
      onStep?.(step);
    },
    onEpoch({ terms, accuracy, validation, isBest }: EpochReport) {
      const scores =
        validation === undefined
          ? `accuracy ${percent(accuracy)}`
          : `validation ${percent(validation.top1)}`;
      open?.end(`loss ${(terms.total as number).toFixed(3)}, ${scores}${isBest ? ', best' : ''}`);
      open = undefined;
    },
    end() {
      open?.end();
    },
  };
}

export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

function durationOf(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

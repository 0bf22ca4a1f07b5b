/**
 * The file `last.safetensors`: everything that a resumed training needs.
 *
 * | tensors            | contents                                                              |
 * | ------------------ | --------------------------------------------------------------------- |
 * | `student.<name>`   | variables of the student                                              |
 * | `objective.<name>` | variables of the objective (learned projectors, memories)             |
 * | `optimizer.<slot>` | slots of the optimizer                                                |
 * | `average.<name>`   | moving averages of the student's weights, and `average.updates`       |
 * | `epoch.sums`       | [metrics], sums of the current epoch                                  |
 * | `epoch.brokenAt`   | [metrics], first step whose value was not finite, else 0              |
 *
 * | metadata   | contents                                                                      |
 * | ---------- | ----------------------------------------------------------------------------- |
 * | `format`   | `kd-training`                                                                 |
 * | `version`  | `1`                                                                           |
 * | `state`    | JSON: `position`, `images`, `seconds`, `history`, `firstRows`, `sumNames`     |
 * | `settings` | JSON: what a resumed training must have in common; see `checkpointSettings`   |
 * | `digest`   | sha256 of the file without it                                                 |
 */
import {
  type DataLoader,
  ensure,
  expectedError,
  type ModelFingerprint,
  type Schedule,
  type Store,
} from '@kd/core';
import { decodeChecksummed, encodeChecksummed } from './checksummed.ts';
import { RunningMetrics } from './metrics.ts';
import type { ResolvedTrainOptions } from './options.ts';
import { stateVariables, type TrainProgress, type TrainState } from './trainState.ts';
import { assignVariables, CHECKPOINT_FORMAT, readVariables } from './variables.ts';

/** Files of a store: the whole state, and the weights of the best epoch. */
export const LAST_FILE = 'last.safetensors';
export const BEST_FILE = 'best.safetensors';

const VERSION = '1';

/** Settings that a resumed training must have in common with the saved one: field → JSON value. */
export type CheckpointSettings = Readonly<Record<string, unknown>>;

/** A checkpoint that was read. */
export interface Checkpoint {
  readonly progress: TrainProgress;
  readonly settings: CheckpointSettings;
  /** Assigns all variables and the progress of a state. @throws RangeError if they do not fit. */
  restore(state: TrainState): void;
}

/** @throws RangeError on a weight that is not finite; then nothing is written. */
export async function saveCheckpoint(
  store: Store,
  state: TrainState,
  settings: CheckpointSettings,
): Promise<void> {
  const { firstIndices, ...progress } = state.progress;
  const { epoch, step } = progress.position;
  const tensors = await readVariables(
    'train',
    stateVariables(state),
    ` at epoch ${step === 0 ? epoch : epoch + 1}`,
  );
  const metadata = {
    format: CHECKPOINT_FORMAT,
    version: VERSION,
    state: JSON.stringify({
      ...progress,
      firstRows: firstIndices,
      sumNames: state.metrics?.names ?? [],
    }),
    settings: JSON.stringify(settings),
  };
  await store.write(LAST_FILE, await encodeChecksummed(tensors, metadata));
}

/**
 * Reads the checkpoint of a store.
 * @returns undefined if there is none. @throws RangeError on a file that is no checkpoint or was
 * altered.
 */
export async function loadCheckpoint(store: Store): Promise<Checkpoint | undefined> {
  const bytes = await store.read(LAST_FILE);
  if (bytes === undefined) return undefined;
  const caller = `${LAST_FILE} in ${store.location}`;
  const { tensors, metadata } = await decodeChecksummed(bytes, caller);
  const { format, version } = metadata;
  ensure(format === CHECKPOINT_FORMAT, caller, `format ${CHECKPOINT_FORMAT}`, format);
  ensure(
    version === VERSION,
    caller,
    `version ${VERSION}`,
    version,
    'resume with the version of @kd/trainer that wrote it',
  );
  const { firstRows, sumNames, ...progress } = parseObject(caller, 'state', metadata.state) as Omit<
    TrainProgress,
    'firstIndices'
  > & { readonly firstRows: readonly number[]; readonly sumNames: readonly string[] };
  const resumed: TrainProgress = { ...progress, firstIndices: firstRows };
  return {
    progress: resumed,
    settings: parseObject(caller, 'settings', metadata.settings) as CheckpointSettings,
    restore(state) {
      state.metrics = sumNames.length > 0 ? new RunningMetrics(sumNames) : undefined;
      state.progress = resumed;
      assignVariables(caller, stateVariables(state), tensors);
    },
  };
}

/**
 * Checks that a training continues the one of a checkpoint: same settings, same order of the data.
 * @throws RangeError that names the first field that differs.
 */
export async function expectSameTraining(
  { progress, settings: saved }: Checkpoint,
  settings: CheckpointSettings,
  data: DataLoader,
  location: string,
): Promise<void> {
  for (const field of new Set([...Object.keys(saved), ...Object.keys(settings)])) {
    const [expected, got] = [saved, settings].map(
      (values) => JSON.stringify(values[field]) ?? 'nothing',
    );
    if (expected !== got) {
      throw expectedError(
        'train',
        `${field} = ${expected} as in ${LAST_FILE} in ${location}`,
        got,
        'resume with what it was started with, or start anew elsewhere',
      );
    }
  }
  await expectSameOrder(progress.firstIndices, data, location);
}

/** The first shard of a batch has its first indices, as many as there are. */
async function expectSameOrder(
  saved: readonly number[],
  data: DataLoader,
  location: string,
): Promise<void> {
  if (saved.length === 0 || (data.shard !== undefined && data.shard.rank > 0)) return;
  for await (const { indices } of data.epoch(0)) {
    const expected = saved.slice(0, indices.length);
    const got = Array.from(indices.slice(0, expected.length));
    ensure(
      got.join() === expected.join(),
      'train',
      `indices ${expected.join(', ')} first, as in ${LAST_FILE} in ${location}`,
      got,
      'give dataLoader the seed it had',
    );
    return;
  }
}

/**
 * Everything that a resumed training must have in common with the one it continues. Field names are
 * part of the file. Schedules are represented by nine of their values.
 */
export async function checkpointSettings(
  options: ResolvedTrainOptions,
): Promise<CheckpointSettings> {
  const { student, objective, data, teacher, validation, ema } = options;
  const view = data.view(0);
  return {
    epochs: options.epochs,
    batchSize: data.batchSize,
    batchesPerEpoch: data.batchesPerEpoch,
    rows: data.size,
    data: await data.dataset.fingerprint(),
    viewCount: String(data.viewCount),
    'view.spec': view.spec,
    'view.seed': view.seed,
    validation:
      validation === undefined ? null : [await validation.dataset.fingerprint(), validation.size],
    student: [student.name ?? 'network', student.preprocessing ?? ''],
    teacher: teacher === undefined ? null : await describeTeacher(teacher.fingerprint),
    optimizer: options.optimizer.config ?? 'unnamed',
    learningRate: sample(options.learningRate),
    ...(options.learningRateFactor === undefined ? {} : { learningRateFactor: true }),
    ...Object.fromEntries(
      Object.entries(objective.schedules).map(([name, schedule]) => [
        `objective.${name}`,
        sample(schedule),
      ]),
    ),
    clipNorm: options.clipNorm ?? null,
    averageDecay:
      ema?.warmup === undefined ? (ema?.decay ?? null) : { decay: ema.decay, warmUp: ema.warmup },
    bestBy: options.bestBy,
    seed: options.seed,
    ...Object.fromEntries(
      Object.entries(options.config).map(([name, value]) => [`config.${name}`, value]),
    ),
  };
}

async function describeTeacher(
  fingerprint: (() => Promise<ModelFingerprint>) | undefined,
): Promise<object | string> {
  if (fingerprint === undefined) return 'unnamed';
  const { name, weights, preprocessing } = await fingerprint();
  return { name, weights, preparation: preprocessing };
}

function sample(schedule: Schedule): number[] {
  return Array.from({ length: 9 }, (_, at) => schedule(at / 8));
}

function parseObject(caller: string, field: string, text: string | undefined): object {
  ensure(text !== undefined, caller, `metadata ${field}`, 'nothing');
  const value: unknown = JSON.parse(text);
  ensure(
    typeof value === 'object' && value !== null,
    caller,
    `metadata ${field} to be an object`,
    typeof value,
  );
  return value;
}

import { ensure, expectedError, type Store } from '@kd/core';
import type { Variable } from '@tensorflow/tfjs-core';
import type { EpochReport, TrainingPosition } from '../training/types.ts';
import { seal, unseal } from './sealed.ts';
import { assignWeights, readWeights, TRAINING_FORMAT } from './weights.ts';

export const LAST = 'last.safetensors';
export const BEST = 'best.safetensors';

/** All of a training that is not a tensor. */
export interface TrainingState {
  readonly position: TrainingPosition;
  /** Pictures and seconds of the epoch that is under way. */
  readonly images: number;
  readonly seconds: number;
  /** Of all whole epochs. */
  readonly history: readonly EpochReport[];
  /** In the order of the running sums; empty before the first step. */
  readonly sumNames: readonly string[];
  /** Rows that the very first batch dealt: another order is another training. */
  readonly firstRows: readonly number[];
}

/** What a training was started with, flat: field → value that JSON can say. */
export type Settings = Readonly<Record<string, unknown>>;

export interface Checkpoint {
  readonly state: TrainingState;
  readonly settings: Settings;
  /** Puts all tensors back. @param weights The same names as when it was written. */
  restore(weights: Readonly<Record<string, Variable>>): void;
}

const VERSION = '1';

/** @throws RangeError on a weight that is not finite; then nothing is written. */
export async function writeCheckpoint(
  store: Store,
  weights: Readonly<Record<string, Variable>>,
  state: TrainingState,
  settings: Settings,
): Promise<void> {
  const { epoch, step } = state.position;
  const tensors = await readWeights(
    'train',
    weights,
    ` at epoch ${step === 0 ? epoch : epoch + 1}`,
  );
  const metadata = {
    format: TRAINING_FORMAT,
    version: VERSION,
    state: JSON.stringify(state),
    settings: JSON.stringify(settings),
  };
  await store.write(LAST, await seal(tensors, metadata));
}

/**
 * @returns undefined where the store has none. @throws RangeError on a file that is none of ours or
 * was altered.
 */
export async function readCheckpoint(store: Store): Promise<Checkpoint | undefined> {
  const bytes = await store.read(LAST);
  if (bytes === undefined) return undefined;
  const where = `${LAST} in ${store.location}`;
  const { tensors, metadata } = await unseal(bytes, where, true);
  ensure(metadata.format === TRAINING_FORMAT, where, `format ${TRAINING_FORMAT}`, metadata.format);
  ensure(
    metadata.version === VERSION,
    where,
    `version ${VERSION}`,
    metadata.version,
    'resume with the version of @kd/trainer that wrote it',
  );
  return {
    state: parse(where, 'state', metadata.state) as TrainingState,
    settings: parse(where, 'settings', metadata.settings) as Settings,
    restore: (weights) => assignWeights(where, weights, tensors),
  };
}

/** Throws at the first field in which two settings differ. */
export function expectSameSettings(place: string, saved: Settings, given: Settings): void {
  for (const field of new Set([...Object.keys(saved), ...Object.keys(given)])) {
    const [expected, got] = [
      JSON.stringify(saved[field]) ?? 'nothing',
      JSON.stringify(given[field]) ?? 'nothing',
    ];
    if (expected !== got) {
      throw expectedError(
        'train',
        `${field} = ${expected} as in ${LAST} in ${place}`,
        got,
        'resume with what it was started with, or start anew elsewhere',
      );
    }
  }
}

function parse(caller: string, field: string, text: string | undefined): object {
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

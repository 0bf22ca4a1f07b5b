import { compile, ensure, type ProcessGroup } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/** What became of the first process's work. */
const outcomes = { nothing: 0, bytes: 1, error: 2 } as const;

/**
 * Lets the first process of a group do something for all. @throws Error that it failed with, on
 * every process.
 */
export type FromFirst = (
  work: () => Promise<Uint8Array | undefined>,
) => Promise<Uint8Array | undefined>;

/**
 * What the first process finds goes to all as a sum to which the others add zeros. All processes
 * call it at the same point.
 */
export function fromFirst(group: ProcessGroup): FromFirst {
  // Off the event loop, since the others may have to wait for it.
  const total = compile((words: tf.Tensor1D) => group.allReduceSum(words));
  const share = async (words: Int32Array): Promise<Int32Array> => {
    const mine = tf.tensor1d(group.rank === 0 ? words : new Int32Array(words.length), 'int32');
    try {
      const sum = await total.later(mine);
      const shared = (await sum.data()) as Int32Array;
      sum.dispose();
      return shared;
    } finally {
      mine.dispose();
    }
  };
  return async (work) => {
    const found =
      group.rank === 0
        ? await attempt(work)
        : { outcome: outcomes.nothing, bytes: new Uint8Array() };
    const [outcome, length] = await share(Int32Array.of(found.outcome, found.bytes.length));
    ensure(length !== undefined, 'group', 'an answer of the first process', 'none');
    if (outcome === outcomes.nothing) return undefined;
    const bytes = new Uint8Array((await share(wordsOf(found.bytes, length))).buffer).slice(
      0,
      length,
    );
    if (outcome === outcomes.error)
      throw found.error ?? new Error(`process 0 of the group: ${new TextDecoder().decode(bytes)}`);
    return bytes;
  };
}

interface Found {
  readonly outcome: number;
  readonly bytes: Uint8Array;
  readonly error?: unknown;
}

async function attempt(work: () => Promise<Uint8Array | undefined>): Promise<Found> {
  try {
    const bytes = await work();
    return bytes === undefined
      ? { outcome: outcomes.nothing, bytes: new Uint8Array() }
      : { outcome: outcomes.bytes, bytes };
  } catch (error) {
    return {
      outcome: outcomes.error,
      bytes: new TextEncoder().encode(error instanceof Error ? error.message : String(error)),
      error,
    };
  }
}

/**
 * Bytes as words, as many as the next power of two: few lengths differ, each of which the engine
 * remembers.
 */
function wordsOf(bytes: Uint8Array, length: number): Int32Array {
  const words = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(64, length / 4))));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

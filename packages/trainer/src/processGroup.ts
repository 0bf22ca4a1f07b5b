import { compile, ensure, type ProcessGroup, type Store } from '@kd/core';
import { shardRange } from '@kd/core/internal';
import * as tf from '@tensorflow/tfjs-core';

/** Outcomes of the work of process 0. */
const outcomes = { nothing: 0, bytes: 1, error: 2 } as const;

/**
 * Runs something on process 0 and gives its result to all processes, which call it at the same
 * point. @throws Error on every process if it failed on process 0.
 */
export type Broadcast = (
  work: () => Promise<Uint8Array | undefined>,
) => Promise<Uint8Array | undefined>;

/** Broadcasting as an all-reduce sum: process 0 adds its bytes, the others add zeros. */
export function createBroadcast(group: ProcessGroup): Broadcast {
  // Compiled so that it runs outside the event loop: the others may have to wait for process 0.
  const sum = compile((words: tf.Tensor1D) => group.allReduceSum(words));
  const share = async (words: Int32Array): Promise<Int32Array> => {
    const own = tf.tensor1d(group.rank === 0 ? words : new Int32Array(words.length), 'int32');
    try {
      const total = await sum.callAsync(own);
      const shared = (await total.data()) as Int32Array;
      total.dispose();
      return shared;
    } finally {
      own.dispose();
    }
  };
  return async (work) => {
    const found: Outcome =
      group.rank === 0
        ? await attempt(work)
        : { outcome: outcomes.nothing, bytes: new Uint8Array() };
    const [outcome, length] = await share(Int32Array.of(found.outcome, found.bytes.length));
    ensure(length !== undefined, 'group', 'an answer of process 0', 'none');
    if (outcome === outcomes.nothing) return undefined;
    const bytes = new Uint8Array((await share(toWords(found.bytes, length))).buffer).slice(
      0,
      length,
    );
    if (outcome === outcomes.error)
      throw found.error ?? new Error(`process 0 of the group: ${new TextDecoder().decode(bytes)}`);
    return bytes;
  };
}

interface Outcome {
  readonly outcome: number;
  readonly bytes: Uint8Array;
  readonly error?: unknown;
}

async function attempt(work: () => Promise<Uint8Array | undefined>): Promise<Outcome> {
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
 * Bytes as 32-bit words, padded to a power of two: the compiled sum is cached for each length, so
 * there should be few of them.
 */
function toWords(bytes: Uint8Array, length: number): Int32Array {
  const words = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(64, length / 4))));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

/**
 * The store of a group: process 0 reads and writes, and all processes continue when it is done. The
 * other processes never touch their own store.
 */
export function rankZeroStore(store: Store, group: ProcessGroup | undefined): Store {
  if (group === undefined) return store;
  const broadcast = createBroadcast(group);
  return {
    location: store.location,
    read: (name) => broadcast(() => store.read(name)),
    async write(name, bytes) {
      await broadcast(async () => {
        await store.write(name, bytes);
        return undefined;
      });
    },
  };
}

/**
 * Gives every process the variables of process 0. @param variables The same names and shapes on all
 * processes.
 */
export function broadcastWeights(
  group: ProcessGroup,
  variables: Readonly<Record<string, tf.Variable>>,
): void {
  for (const variable of Object.values(variables)) {
    tf.tidy(() => {
      const own = variable.dtype === 'float32' ? tf.clone(variable) : tf.cast(variable, 'int32');
      const shared = group.allReduceSum(group.rank === 0 ? own : tf.zerosLike(own));
      variable.assign(variable.dtype === 'bool' ? tf.cast(shared, 'bool') : shared);
    });
  }
}

/**
 * Sums several float32 tensors over the group with one collective operation: they are concatenated
 * to one bucket. Uses tensors only; call it in a tidy.
 */
export function allReduce(group: ProcessGroup, tensors: readonly tf.Tensor[]): tf.Tensor[] {
  const bucket = group.allReduceSum(
    tf.concat1d(tensors.map((tensor) => tf.reshape(tensor, [tensor.size]))),
  );
  const parts = tf.split(
    bucket,
    tensors.map(({ size }) => size),
  );
  return tensors.map(({ shape }, at) => tf.reshape(parts[at] as tf.Tensor, shape));
}

/**
 * Joins the columns of a matrix that are spread over the processes, for all of them: each adds
 * zeros for the others' columns. @param own [rows, columns of this shard]. @param count Columns in
 * total.
 */
export function allGatherColumns(
  group: ProcessGroup,
  own: tf.Tensor2D,
  count: number,
): tf.Tensor2D {
  const { from, to } = shardRange(count, group);
  return tf.tidy(() =>
    group.allReduceSum(
      tf.pad2d(own, [
        [0, 0],
        [from, count - to],
      ]),
    ),
  );
}

/**
 * Watches the buffers: float32 variables that do not train, such as the running averages of batch
 * normalization. @returns A function that lists, in order, the buffers assigned since.
 */
export function trackBuffers(
  records: readonly Readonly<Record<string, tf.Variable>>[],
): () => tf.Variable[] {
  const buffers = records
    .flatMap((variables) => Object.values(variables))
    .filter(({ trainable, dtype }) => !trainable && dtype === 'float32');
  const before = buffers.map(({ dataId }) => dataId);
  return () => buffers.filter(({ dataId }, at) => dataId !== before[at]);
}

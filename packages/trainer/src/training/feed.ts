import {
  type Batch,
  ensure,
  hashName,
  randomUint32,
  type Shard,
  shardRange,
  type Teacher,
} from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { ask, disposeOutputs } from '../teachers/ask.ts';
import type { Feed, ShardFeed } from './step.ts';

/** What a feed is made of besides the batch. */
export interface StepNumbers {
  readonly numbers: Readonly<Record<string, number>>;
  readonly learningRate: number;
  readonly step: number;
  /** Of the training. */
  readonly seed: number;
  /** Steps before this one in the whole training. */
  readonly stepsBefore: number;
  /** Whether the objective reads the rows of the batch. */
  readonly needsRows?: boolean | undefined;
  /**
   * Where the batch is a shard: which, of how many pictures, and whether this process wants to
   * stop.
   */
  readonly shard?: Shard & { readonly images: number; readonly wish: boolean };
}

/**
 * Asks the teacher and makes the tensors of a step; `freeFeed` frees them. The batch stays its
 * source's.
 */
export async function makeFeed(
  batch: Batch,
  teacher: Teacher | undefined,
  values: StepNumbers,
): Promise<Feed> {
  const heard = teacher === undefined ? {} : { teacher: await ask(teacher, batch) };
  return {
    images: batch.images,
    labels: batch.labels,
    ...heard,
    numbers: Object.fromEntries(
      Object.entries(values.numbers).map(([name, value]) => [name, tf.scalar(value)]),
    ),
    learningRate: tf.scalar(values.learningRate),
    step: tf.scalar(values.step),
    seed: tf.tensor1d(wordsOf(values), 'int32'),
    ...(values.needsRows === true ? { rows: tf.tensor1d(batch.indices, 'int32') } : {}),
    ...(values.shard === undefined ? {} : { shard: shardFeed(batch, values.shard) }),
  };
}

function shardFeed(
  { indices }: Batch,
  { rank, size, images, wish }: NonNullable<StepNumbers['shard']>,
): ShardFeed {
  const { from, to } = shardRange(images, { rank, size });
  ensure(
    indices.length === to - from,
    'train',
    `${to - from} of ${images} pictures in shard ${rank} of ${size}`,
    indices.length,
  );
  return {
    share: tf.scalar(indices.length / images),
    images: tf.scalar(images),
    wish: tf.tensor1d([wish ? 1 : 0]),
  };
}

export function freeFeed({ teacher, numbers, learningRate, step, seed, rows, shard }: Feed): void {
  if (teacher !== undefined) disposeOutputs(teacher);
  tf.dispose([
    ...Object.values(numbers),
    learningRate,
    step,
    seed,
    ...(rows === undefined ? [] : [rows]),
    ...Object.values(shard ?? {}),
  ]);
}

/**
 * A function of the training's seed and the step's number alone: a resumed training draws what the
 * whole one would have drawn.
 */
function wordsOf({ seed, stepsBefore, shard }: StepNumbers): Int32Array {
  const stream = hashName(
    shard === undefined || shard.rank === 0 ? 'step' : `step of shard ${shard.rank}`,
  );
  return Int32Array.of(
    randomUint32(seed, stream, 2 * stepsBefore),
    randomUint32(seed, stream, 2 * stepsBefore + 1),
  );
}

import {
  type Batch,
  type DataLoader,
  deriveSeed,
  permutation,
  type Shard,
  sha256,
  uniform,
} from '@kd/core';
import { shardRange } from '@kd/core/internal';
import * as tf from '@tensorflow/tfjs-core';

export interface TinyOptions {
  readonly rows?: number;
  readonly classes?: number;
  readonly batchSize?: number;
  readonly viewCount?: number;
  readonly seed?: number;
  /** Of the pictures themselves. */
  readonly dataSeed?: number;
  /** Number of the first row in the whole set. */
  readonly firstRow?: number;
  readonly labels?: readonly number[];
  readonly spec?: string;
  /** Every label is given as this many classes further than its picture shows. */
  readonly wrongBy?: number;
  readonly shard?: Shard | undefined;
  /** Batches have targets: three quarters of the label, one quarter of the next class. */
  readonly mixed?: boolean;
}

const SHAPE = [4, 4, 2] as const;
export const INPUTS = 32;

/**
 * Pictures of noise with a bright patch where the class is; views shift brightness by an amount
 * drawn from (seed, row).
 */
export function tinySource(options: TinyOptions = {}): DataLoader {
  const {
    rows = 20,
    classes = 3,
    batchSize = 6,
    viewCount = 1,
    seed = 0,
    dataSeed = 0,
    firstRow = 0,
    wrongBy = 0,
    shard,
    mixed = false,
    spec = viewCount === 1 ? 'plain' : 'shift()',
  } = options;
  const labels = Int32Array.from(
    { length: rows },
    (_, row) => options.labels?.[row] ?? row % classes,
  );
  const told = wrongBy === 0 ? labels : labels.map((label) => (label + wrongBy) % classes);
  const pixel = (row: number, at: number) =>
    0.5 * uniform(dataSeed, row, at) + (at % (classes + 1) === labels[row] ? 0.4 : 0);
  const viewOf = (number: number) => ({
    spec,
    seed: spec === 'plain' ? 0 : deriveSeed(seed, 'view', number % viewCount),
  });

  const orderOf = (epoch: number) => permutation(deriveSeed(seed, 'order', epoch), 0, rows);

  const make = (at: Int32Array, number: number): Batch => {
    const view = viewOf(number);
    const shift = (row: number) => (view.seed === 0 ? 0 : 0.2 * uniform(view.seed, 1, row));
    const pixels = Float32Array.from({ length: at.length * INPUTS }, (_, index) => {
      const row = at[Math.floor(index / INPUTS)] as number;
      return pixel(row, index % INPUTS) + shift(row);
    });
    const images = tf.tensor4d(pixels, [at.length, ...SHAPE]);
    const soft = (label: number) =>
      Array.from({ length: classes }, (_, at) =>
        label < 0 ? 0 : at === label ? 0.75 : at === (label + 1) % classes ? 0.25 : 0,
      );
    const targets = Array.from(at, (row) => soft(told[row] as number));
    return {
      images,
      ...(mixed ? { targets: tf.tensor2d(targets) } : {}),
      labels: tf.tensor1d(
        at.map((row) => told[row] as number),
        'int32',
      ),
      indices: at.map((row) => row + firstRow),
      view,
    };
  };
  async function* deal(order: Int32Array, number: number, from: number): AsyncGenerator<Batch> {
    for (let start = from * batchSize; start < rows; start += batchSize) {
      const { from: first, to } = shardRange(Math.min(batchSize, rows - start), shard);
      const batch = make(order.slice(start + first, start + to), number);
      try {
        yield batch;
      } finally {
        tf.dispose([batch.images, batch.labels, batch.targets ?? []]);
      }
    }
  }
  return {
    dataset: {
      name: 'tiny',
      classNames: Array.from({ length: classes }, (_, at) => `class ${at}`),
      imageShape: SHAPE,
      fingerprint: () => sha256(new TextEncoder().encode(`${rows} ${dataSeed} ${labels}`)),
    },
    size: rows,
    ...(labels.includes(-1) ? { labelledImages: labels.filter((one) => one >= 0).length } : {}),
    batchSize,
    batchesPerEpoch: Math.ceil(rows / batchSize),
    viewCount,
    ...(shard === undefined ? {} : { shard }),
    view: viewOf,
    order: (epoch) => orderOf(epoch).map((row) => row + firstRow),
    epoch: (epoch, from = 0) => deal(orderOf(epoch), epoch, from),
    iterateOnce: (number = 0) =>
      deal(
        Int32Array.from({ length: rows }, (_, row) => row),
        number,
        0,
      ),
  };
}

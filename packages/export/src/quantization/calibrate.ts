import { ensure, expectedError, type Graph } from '@kd/core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { graphValues } from '../graph/runGraph.ts';
import { addToHistogram, type Histogram, type Range } from './histogram.ts';
import { entropyRange, percentileRange } from './thresholds.ts';

/** What is known of a graph's values on images of the training. */
export interface Calibration {
  /** The range that 8 bits stand for, by the name of the value; the input is among them. */
  readonly ranges: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
  /** Mean of the input, [channels], by the name of each convolution and dense layer. */
  readonly means: Readonly<Record<string, Float32Array>>;
}

export interface CalibrationOptions {
  /**
   * `minMax`: the range of all values. `percentile`: without the few that are farthest out.
   * `entropy`: the range that loses the least information (`entropyRange`). Default percentile.
   */
  readonly method?: 'minMax' | 'percentile' | 'entropy';
  /** The share of values within the range for `percentile`, in percent, 50 < … ≤ 100; 99.99. */
  readonly percentile?: number;
}

/**
 * Observes the values of a graph on images, for files whose values have 8 bits. A few hundred images
 * of the training are enough. One pass; of each value a histogram is kept, and no batch.
 * @param batches Images as the graph takes them, [batch, height, width, channels]; the caller frees
 * them.
 * @throws RangeError without images, and on values that are NaN or infinite.
 */
export async function calibrate(
  graph: Graph,
  batches: Iterable<Tensor4D> | AsyncIterable<Tensor4D>,
  { method = 'percentile', percentile = 99.99 }: CalibrationOptions = {},
): Promise<Calibration> {
  ensure(
    percentile > 50 && percentile <= 100,
    'calibrate',
    '50 < percentile ≤ 100',
    percentile,
    '99.99 is usual',
  );
  const chooseRange = rangeMethod(method, percentile);
  const observed = new Map<string, Observed>();
  const kernels = graph.nodes.filter(({ kind }) => kind === 'convolution' || kind === 'dense');
  const isAveraged = new Set(kernels.map(({ inputs }) => inputs[0]));
  const observe = async (name: string, value: Tensor): Promise<void> => {
    const values = (await value.data()) as Float32Array;
    const channels = isAveraged.has(name) ? (value.shape[value.rank - 1] as number) : 0;
    const needsHistogram = method !== 'minMax';
    observed.set(name, observeValues(name, values, observed.get(name), channels, needsHistogram));
  };
  for await (const images of batches) {
    if (images.size === 0) continue;
    await observe(graph.input.name, images);
    for (const [name, value] of graphValues(graph, images)) await observe(name, value);
  }
  ensure(
    observed.size > 0,
    'calibrate',
    'one batch of images or more',
    'none',
    'a few hundred of the training are enough',
  );
  return {
    ranges: Object.fromEntries([...observed].map(([name, value]) => [name, chooseRange(value)])),
    means: Object.fromEntries(
      kernels.map(({ name, inputs }) => {
        const { sums, count } = observed.get(inputs[0] as string) as Observed;
        return [name, Float32Array.from(sums, (sum) => (sum * sums.length) / count)];
      }),
    ),
  };
}

interface Observed {
  readonly range: Range;
  readonly histogram: Histogram | undefined;
  /** Sum of each channel; empty where no mean is needed. */
  readonly sums: Float64Array;
  /** Values seen. */
  readonly count: number;
}

function rangeMethod(
  method: NonNullable<CalibrationOptions['method']>,
  percentile: number,
): (observed: Observed) => Range {
  switch (method) {
    case 'minMax':
      return ({ range }) => range;
    case 'percentile':
      return ({ histogram, range }) => percentileRange(histogram as Histogram, range, percentile);
    case 'entropy':
      return ({ histogram, range }) => entropyRange(histogram as Histogram, range);
    default:
      method satisfies never;
      throw expectedError('calibrate', 'method minMax, percentile or entropy', method);
  }
}

/** @param channels 0: no means. */
function observeValues(
  name: string,
  values: Float32Array,
  before: Observed | undefined,
  channels: number,
  needsHistogram: boolean,
): Observed {
  const own = finiteRange(name, values);
  const sums = before?.sums ?? new Float64Array(channels);
  for (let at = 0; at < values.length && channels > 0; at += channels) {
    for (let channel = 0; channel < channels; channel++)
      sums[channel] = (sums[channel] as number) + (values[at + channel] as number);
  }
  return {
    range: {
      min: Math.min(own.min, before?.range.min ?? own.min),
      max: Math.max(own.max, before?.range.max ?? own.max),
    },
    histogram: needsHistogram ? addToHistogram(before?.histogram, values, own) : undefined,
    sums,
    count: values.length + (before?.count ?? 0),
  };
}

function finiteRange(name: string, values: Float32Array): Range {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    if (!Number.isFinite(value))
      throw expectedError(
        'calibrate',
        `finite values of ${name}`,
        value,
        'look at the images and the weights',
      );
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

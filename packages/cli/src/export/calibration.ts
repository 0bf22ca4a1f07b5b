import type { Graph } from '@kd/core';
import { dataLoader, stratifiedSubset } from '@kd/data';
import { type Calibration, calibrate } from '@kd/export';
import type { CalibrationRecord } from '@kd/report';
import { type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import type { RunImages } from '../experiment/dataset.ts';
import type { Prepare } from './testAnswers.ts';
import type { ExportChoice } from './variant.ts';

/** Training images on which activations are observed at most. */
const mostImages = 512;
const batchSize = 32;

/**
 * Observes the values of a network on training images, as they are, drawn by class with a fixed
 * seed.
 */
export async function calibrateOnTraining(
  graph: Graph,
  { train }: Pick<RunImages, 'train'>,
  { calibration: method, reduceRange, preparation }: ExportChoice,
  prepare: Prepare,
): Promise<{ readonly calibration: Calibration; readonly record: CalibrationRecord }> {
  const count = Math.min(mostImages, train.indices.length);
  const set = count === train.indices.length ? train : stratifiedSubset(train, count, { seed: 0 });
  async function* batches(): AsyncGenerator<Tensor4D> {
    for await (const { images } of dataLoader(set, { batchSize }).iterateOnce()) {
      if (preparation === 'inside') {
        yield images;
        continue;
      }
      const [size] = images.shape;
      const values = await prepare((await images.data()) as Float32Array, size);
      const prepared = tensor4d(values, [size, ...graph.input.shape]);
      try {
        yield prepared;
      } finally {
        prepared.dispose();
      }
    }
  }
  const calibration = await calibrate(graph, batches(), { method });
  return {
    calibration,
    record: { images: count, source: train.name, method, reduceRange },
  };
}

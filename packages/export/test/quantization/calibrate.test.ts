import type { Graph } from '@kd/core';
import { studentCnn } from '@kd/models';
import { networkGraph } from '@kd/models/graph';
import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { calibrate } from '../../src/quantization/calibrate.ts';
import { graphOf, node } from '../support/graphs.ts';

/** Rows of two pixels with two channels; `conv` is the difference of the channels. */
const difference: Graph = graphOf(
  [1, 2, 2],
  [
    node('doubled', ['images'], [1, 2, 2], {
      kind: 'channelAffine',
      scale: { shape: [1], values: Float32Array.of(2) },
      offset: { shape: [2], values: Float32Array.of(0, 1) },
      activation: 'linear',
    }),
    node('conv', ['doubled'], [1, 2, 1], {
      kind: 'convolution',
      kernel: { shape: [1, 1, 2, 1], values: Float32Array.of(1, -1) },
      bias: { shape: [1], values: Float32Array.of(0) },
      strides: [1, 1],
      dilations: [1, 1],
      groups: 1,
      pads: { top: 0, bottom: 0, left: 0, right: 0 },
      activation: 'linear',
    }),
  ],
);

const batchOf = (values: readonly number[]): tf.Tensor4D =>
  tf.tensor4d([...values], [values.length / 4, 1, 2, 2]);

onEveryEngine(() => {
  test('ranges are those of all images, means those of the inputs by channel', async () => {
    const batches = [batchOf([0, 1, 2, 3]), batchOf([4, 5, -6, 7, 0, 0, 0, 2])];
    const { ranges, means } = await calibrate(difference, batches, { method: 'minMax' });
    expect(ranges).toEqual({
      images: { min: -6, max: 7 },
      doubled: { min: -12, max: 15 },
      conv: { min: -27, max: -1 },
    });
    expect(Object.keys(means)).toEqual(['conv']);
    expectClose(means.conv as Float32Array, [0, 7], 1e-6);
    tf.dispose(batches);
  });

  test('it leaves no tensor, and takes batches as they come', async () => {
    const network = studentCnn({ classes: 10, seed: 1, widths: [4, 6] });
    const graph = networkGraph(network, { imageShape: [8, 8, 3] });
    const before = tf.memory().numTensors;
    async function* batches(): AsyncGenerator<tf.Tensor4D> {
      for (const seed of [1, 2]) {
        const images = tf.randomUniform<tf.Rank.R4>([3, 8, 8, 3], 0, 1, 'float32', seed);
        yield images;
        images.dispose();
      }
    }
    const { ranges, means } = await calibrate(graph, batches());
    expect(tf.memory().numTensors).toBe(before);
    expect(Object.keys(ranges)).toEqual(['images', ...graph.nodes.map(({ name }) => name)]);
    expect(Object.keys(means)).toEqual(['stage1.conv', 'stage2.conv', 'fc']);
    expect(means.fc).toHaveLength(6);
    network.dispose();
  });

  test('one value in a million does not widen a percentile, nor the least divergence', async () => {
    const values = Float32Array.from(
      { length: 1 << 16 },
      (_, at) => Math.cos(0.7 * at) * Math.sin(0.013 * at),
    );
    values[1000] = 100;
    const images = tf.tensor4d(values, [values.length / 4, 1, 2, 2]);
    const rangeBy = async (method: 'minMax' | 'percentile' | 'entropy') =>
      (await calibrate(difference, [images], { method })).ranges.images;
    expect(await rangeBy('minMax')).toEqual({
      min: values.reduce((a, b) => Math.min(a, b)),
      max: 100,
    });
    for (const method of ['percentile', 'entropy'] as const) {
      const { min, max } = (await rangeBy(method)) as { min: number; max: number };
      expect(min).toBeGreaterThanOrEqual(-1);
      expect(min).toBeLessThan(-0.9);
      expect(max).toBeLessThan(10);
      expect(max).toBeGreaterThan(0.9);
    }
    images.dispose();
  });
});

test('no images, values that are no numbers and wrong options are named', async () => {
  await expect(calibrate(difference, [])).rejects.toThrow(
    'calibrate: expected one batch of images or more, got none; a few hundred of the training are enough.',
  );
  const images = batchOf([0, Number.NaN, 1, 1]);
  await expect(calibrate(difference, [images])).rejects.toThrow(
    'calibrate: expected finite values of images, got NaN; look at the images and the weights.',
  );
  const large = batchOf([2e38, 0, 0, 0]);
  await expect(calibrate(difference, [large])).rejects.toThrow(
    'calibrate: expected finite values of doubled, got Infinity',
  );
  await expect(calibrate(difference, [], { percentile: 100.5 })).rejects.toThrow(
    'calibrate: expected 50 < percentile ≤ 100, got 100.5; 99.99 is usual.',
  );
  await expect(calibrate(difference, [], { method: 'max' as 'minMax' })).rejects.toThrow(
    'calibrate: expected method minMax, percentile or entropy, got max.',
  );
  tf.dispose([images, large]);
});

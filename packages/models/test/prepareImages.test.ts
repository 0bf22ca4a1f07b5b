import { closeTo, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { imagenetStatistics, prepareImages } from '../src/index.ts';

onEveryEngine(() => {
  test('a preparation by itself resizes and normalises, and says so', () => {
    const { description, prepare } = prepareImages({ size: 4, normalise: imagenetStatistics });
    expect(description).toMatch(/^resize\(4,bilinear,antialias\)\+centre\(4\)\+/);
    tf.tidy(() => {
      const prepared = prepare(tf.fill([1, 8, 8, 3], 0.5));
      expect(prepared.shape).toEqual([1, 4, 4, 3]);
      const { mean, deviation } = imagenetStatistics;
      const expected = mean.map((center, channel) => (0.5 - center) / (deviation[channel] as number));
      closeTo(prepared.dataSync().slice(0, 3), expected, 1e-5);
    });
  });
});

test('what cannot be done is refused', () => {
  expect(() => prepareImages({ size: 0 })).toThrow('prepareImages: expected size as a whole number of pixels ≥ 1, or asGiven, got 0.');
});

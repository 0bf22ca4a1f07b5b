import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { createPreprocessor, imagenetNormalization } from '../src/index.ts';

onEveryEngine(() => {
  test('a preparation by itself resizes and normalizes, and says so', () => {
    const { description, prepare } = createPreprocessor({
      size: 4,
      normalize: imagenetNormalization,
    });
    expect(description).toMatch(/^resize\(4,bilinear,antialias\)\+centre\(4\)\+/);
    tf.tidy(() => {
      const prepared = prepare(tf.fill([1, 8, 8, 3], 0.5));
      expect(prepared.shape).toEqual([1, 4, 4, 3]);
      const { mean, std: deviation } = imagenetNormalization;
      const expected = mean.map(
        (center, channel) => (0.5 - center) / (deviation[channel] as number),
      );
      expectClose(prepared.dataSync().slice(0, 3), expected, 1e-5);
    });
  });
});

test('what cannot be done is refused', () => {
  expect(() => createPreprocessor({ size: 0 })).toThrow(
    'createPreprocessor: expected size as a whole number of pixels ≥ 1, or asGiven, got 0.',
  );
});

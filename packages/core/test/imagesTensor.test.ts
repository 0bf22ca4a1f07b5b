import { expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { imagesTensor } from '../src/internal.ts';

onEveryEngine(() => {
  test('every byte becomes byte / 255, rounded once', async () => {
    await expectNoNewTensors(async () => {
      const bytes = Uint8Array.from({ length: 2 * 16 * 16 * 3 }, (_, at) => at % 256);
      const images = imagesTensor(bytes, [2, 16, 16, 3]);
      expect([images.shape, images.dtype]).toEqual([[2, 16, 16, 3], 'float32']);
      expect(Array.from(await images.data())).toEqual(
        Array.from(bytes, (value) => Math.fround(value / 255)),
      );
      images.dispose();
    });
  });

  test('the bytes may be written into again at once', () => {
    const bytes = new Uint8Array(64 * 64 * 3).fill(255);
    const ones = imagesTensor(bytes, [1, 64, 64, 3]);
    bytes.fill(0);
    const zeros = imagesTensor(bytes, [1, 64, 64, 3]);
    expect(tf.tidy(() => tf.min(ones).dataSync()[0])).toBe(1);
    expect(tf.tidy(() => tf.max(zeros).dataSync()[0])).toBe(0);
    tf.dispose([ones, zeros]);
  });

  test('belongs to a tidy', () => {
    const before = tf.memory().numTensors;
    const sum = tf.tidy(() => tf.sum(imagesTensor(new Uint8Array(12).fill(51), [1, 2, 2, 3])));
    expect(sum.dataSync()[0]).toBeCloseTo(2.4, 6);
    sum.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

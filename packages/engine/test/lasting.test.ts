import { persistentTensor } from '@kd/core/internal';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';

describe.skipIf('reason' in locateLibrary())('memory of what stays', () => {
  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  test('goes back when the tensor and all that share it are gone, and no array of JavaScript lies beside it', () => {
    const before = process.memoryUsage();
    const [sides, bytes] = [[4096, 4096], 2 ** 26];
    const made = persistentTensor(sides, (values) => values.fill(1));
    const shared = tf.reshape(made, [2 ** 24]);
    const during = process.memoryUsage();
    expect(during.rss - before.rss).toBeGreaterThan(0.9 * bytes);
    expect(during.rss - before.rss).toBeLessThan(1.2 * bytes);
    made.dispose();
    expect(process.memoryUsage().rss - before.rss).toBeGreaterThan(0.9 * bytes);
    shared.dispose();
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(0.2 * bytes);
  });

  test('the same pages serve thousands of tensors', () => {
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 2000; round++) {
      const made = persistentTensor([128, 256], (values) => {
        expect([values[0], values.length]).toEqual([0, 32_768]);
        values[0] = round;
      });
      expect(made.dataSync()[0]).toBe(round);
      made.dispose();
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
  });

  test('is refused by name where there is none', () => {
    const { tensors } = (tf.backend() as NodeBackend).binding;
    expect(() => tensors.createMapped([2 ** 58], 2 ** 60, () => {})).toThrow(
      `tensorflow: expected ${2 ** 60} bytes of memory for a tensor of shape [${2 ** 58}], got none; end other programs, or raise this process's limit (ulimit -v).`,
    );
  });
});

import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { pseudoRandom } from './numbers.ts';

describe.skipIf('reason' in locateLibrary())('kernels that tfjs-node lacks', () => {
  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  test('the gradient of a padded average pool is that of the average, which counts no padding', () => {
    const values = pseudoRandom(1, [1, 5, 5, 2]);
    const weigh = tf.tensor4d(pseudoRandom(2, [1, 3, 3, 2]), [1, 3, 3, 2]);
    const loss = (x: tf.Tensor): tf.Scalar =>
      tf.sum(tf.mul(weigh, tf.avgPool(x as tf.Tensor4D, 3, 2, 1)));
    const at = (numbers: Float32Array): number =>
      tf.tidy(() => loss(tf.tensor4d(numbers, [1, 5, 5, 2])).dataSync()[0] as number);
    const gradient = tf.tidy(() =>
      tf
        .grad(loss)(tf.tensor4d(values, [1, 5, 5, 2]))
        .dataSync(),
    );
    for (const place of [0, 9, 24, 49]) {
      const [more, less] = [Float32Array.from(values), Float32Array.from(values)];
      more[place] = (more[place] as number) + 0.5;
      less[place] = (less[place] as number) - 0.5;
      expect(gradient[place]).toBeCloseTo(at(more) - at(less), 5);
    }
    weigh.dispose();
  });

  test('multinomial draws the same for the same seed, and by the given probabilities', () => {
    const draw = (seed: number): number[] =>
      tf.tidy(
        () => tf.multinomial(tf.tensor1d([0.2, 0.8]), 2_000, seed, true).arraySync() as number[],
      );
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(7).reduce((sum, value) => sum + value) / 2_000).toBeCloseTo(0.8, 1);
  });

  test('they leave nothing behind on the device', () => {
    const count = (): number => (tf.backend() as NodeBackend).binding.getNumOfTensors();
    const before = count();
    tf.tidy(() => {
      tf.grad((x) => tf.avgPool(x as tf.Tensor4D, 3, 2, 1, 'ceil'))(tf.ones([1, 6, 6, 1]));
      tf.image.transform(tf.ones([1, 4, 4, 1]), tf.tensor2d([[1, 0, 1, 0, 1, 0, 0, 0]]));
      tf.denseBincount(tf.tensor1d([0, 2, 2], 'int32'), tf.tensor1d([]), 3);
    });
    expect(count()).toBe(before);
  });
});

import { compile } from '@kd/core';
import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { convBnRelu, createNetwork, dense, dropout, globalAveragePool } from '../src/index.ts';

onEveryEngine(() => {
  test('in training, the share is 0 and the rest is scaled so that the mean stays', async () => {
    const layer = dropout({ rate: 0.25 })('drop', 0);
    const x = tf.ones([100, 100]);
    const seed = seedTensor(3, 5);
    await expectNoNewTensors(() => {
      const y = layer.apply(x, { training: true, seed });
      const values = Array.from(y.dataSync());
      expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
      const zeros = values.filter((value) => value === 0).length / values.length;
      expect(Math.abs(zeros - 0.25)).toBeLessThan(0.015);
      y.dispose();
    });
    tf.dispose([x, seed]);
  });

  test('the mask is the same for the same seed and name, on every engine, and another for others', () => {
    const ask = (name: string, a: number, b: number) => {
      const y = dropout({ rate: 0.5 })(name, 0).apply(tf.ones([20]), {
        training: true,
        seed: seedTensor(a, b),
      });
      return Array.from(y.dataSync(), (value) => (value === 0 ? '0' : '1')).join('');
    };
    expect(ask('drop', 1, 2)).toBe(MASK);
    expect(ask('drop', 1, 2)).toBe(MASK);
    expect(new Set([MASK, ask('drop', 2, 2), ask('drop', 1, 3), ask('other', 1, 2)]).size).toBe(4);
  });

  test('at inference x passes, with and without a seed', () => {
    const layer = dropout({ rate: 0.5 })('drop', 0);
    const x = tf.tensor1d([1, -2, 3]);
    for (const mode of [{ training: false }, { training: false, seed: seedTensor(1, 2) }]) {
      expect(Array.from(layer.apply(x, mode).dataSync())).toEqual([1, -2, 3]);
    }
  });

  test('what is dropped has no gradient, and the rest that of the scaled', () => {
    const layer = dropout({ rate: 0.5 })('drop', 0);
    const x = tf.tensor2d([0.3, -0.6, 0.9, 1.2, -0.2, 0.5], [2, 3]);
    const mode = { training: true, seed: seedTensor(1, 2) };
    const loss = (input: tf.Tensor) => tf.sum(tf.square(layer.apply(input, mode))) as tf.Scalar;
    expectClose(tf.grad(loss)(x).dataSync(), numericalGradient(loss, x, 0.01), 2e-3);
  });

  test('compiled once, it drops others at every seed, as it does uncompiled', () => {
    const layer = dropout({ rate: 0.5 })('drop', 0);
    const run = compile((x: tf.Tensor, seed: tf.Tensor1D) =>
      layer.apply(x, { training: true, seed }),
    );
    const x = tf.ones([64]);
    const masks = [1, 2, 3].map((step) => {
      const compiled = Array.from(run(x, seedTensor(7, step)).dataSync());
      expect(compiled).toEqual(
        Array.from(layer.apply(x, { training: true, seed: seedTensor(7, step) }).dataSync()),
      );
      return compiled.join('');
    });
    expect(new Set(masks).size).toBe(3);
  });

  test('in a network it is no weight and no feature is lost when that is folded', () => {
    const network = createNetwork({
      name: 'own',
      seed: 0,
      layers: {
        conv: convBnRelu(3, 4),
        pooled: globalAveragePool(),
        drop: dropout({ rate: 0.5 }),
        fc: dense({ from: 4, to: 2 }),
      },
      taps: ['pooled', 'drop'],
    });
    expect(Object.keys(network.weights).filter((name) => name.startsWith('drop'))).toEqual([]);
    const images = tf.fill([2, 4, 4, 3], 0.3) as tf.Tensor4D;
    const { logits, features } = network.forward(images, { training: false });
    const folded = network.inference?.().forward(images);
    expectClose(folded?.logits.dataSync() ?? [], logits.dataSync(), 1e-5);
    expectClose(folded?.features.drop?.dataSync() ?? [], features.pooled?.dataSync() ?? [], 1e-5);
    network.dispose();
  });
});

test('a training without a seed, and rates that are none, are refused', () => {
  expect(() =>
    dropout({ rate: 0.5 })('head.drop', 0).apply(tf.ones([2]), { training: true }),
  ).toThrow(
    'head.drop: expected a seed to draw from in training, got none; train() gives one, and so may you: forward(images, { training: true, seed }).',
  );
  expect(() => dropout({ rate: 1 })).toThrow(
    'dropout: expected 0 ≤ rate < 1, got 1; 0.5 is usual before a dense layer.',
  );
});

/** Of `drop` under the seed [1, 2]. */
const MASK = '11010101111100001011';

function seedTensor(first: number, second: number): tf.Tensor1D {
  return tf.tensor1d([first, second], 'int32');
}

import { readFileSync } from 'node:fs';
import type { OptimizerFactory } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { adagrad, adam, adamW, clipByGlobalNorm, ema, nadam, rmsProp, sgd } from '../src/index.ts';

/** PyTorch's traces in float64: one vector of six weights, ten given gradients. */
const golden = JSON.parse(
  readFileSync(new URL('./fixtures/optimizers.json', import.meta.url), 'utf8'),
) as Golden;

interface Golden {
  readonly initial: number[];
  readonly gradients: number[][];
  readonly traces: {
    readonly id: string;
    readonly options: { readonly lr: number };
    readonly learningRates?: number[];
    readonly parametersAfterStep: number[][];
  }[];
  readonly clipGradNorm: {
    readonly maxNorm: number;
    readonly totalNorm: number;
    readonly clipped: number[][];
  };
  readonly ema: { readonly decay: number; readonly averageAfterUpdate: number[][] };
}

const nesterov = { momentum: 0.9, nesterov: true, weightDecay: 5e-4 };
const factories: Record<string, OptimizerFactory> = {
  sgd: sgd(),
  'sgd.momentum': sgd({ momentum: 0.9 }),
  'sgd.nesterov.wd': sgd(nesterov),
  'sgd.nesterov.wd+cosine': sgd(nesterov),
  'sgd.dampening': sgd({ momentum: 0.8, dampening: 0.1, weightDecay: 0.01 }),
  adam: adam(),
  'adam.l2': adam({ weightDecay: 0.01 }),
  'adam.amsgrad': adam({ amsgrad: true }),
  adagrad: adagrad(),
  adamw: adamW(),
  nadam: nadam(),
  rmsprop: rmsProp(),
  'rmsprop.centered': rmsProp({ alpha: 0.9, momentum: 0.9, centered: true }),
};

onEveryEngine(() => {
  test.each(golden.traces)(
    '$id follows PyTorch for ten steps',
    async ({ id, options, learningRates, parametersAfterStep }) => {
      await expectNoNewTensors(() => {
        const weight = tf.tidy(() => tf.variable(tf.tensor1d(golden.initial)));
        const optimizer = (factories[id] as OptimizerFactory)({ weight });
        for (const [step, expected] of parametersAfterStep.entries()) {
          const rate = learningRates?.[step] ?? options.lr;
          tf.tidy(() =>
            optimizer.apply(
              { weight: tf.tensor1d(golden.gradients[step] as number[]) },
              tf.scalar(rate),
            ),
          );
          expectClose(weight.dataSync(), expected, 1e-6);
        }
        optimizer.dispose();
        weight.dispose();
      });
    },
  );

  test('clipByGlobalNorm scales all gradients by one number, as PyTorch', async () => {
    const { maxNorm, totalNorm, clipped } = golden.clipGradNorm;
    await expectNoNewTensors(() =>
      tf.tidy(() => {
        const [a, b] = golden.gradients.slice(0, 2).map((values) => tf.tensor1d(values)) as [
          tf.Tensor,
          tf.Tensor,
        ];
        const result = clipByGlobalNorm({ a, b }, maxNorm);
        expectClose(result.norm.dataSync(), [totalNorm], 1e-6);
        expectClose((result.gradients.a as tf.Tensor).dataSync(), clipped[0] as number[], 1e-6);
        expectClose((result.gradients.b as tf.Tensor).dataSync(), clipped[1] as number[], 1e-6);
        const untouched = clipByGlobalNorm({ a, b }, 100);
        expectClose((untouched.gradients.b as tf.Tensor).dataSync(), b.dataSync(), 0);
      }),
    );
  });

  test('ema follows PyTorch, whose first update copies', async () => {
    await expectNoNewTensors(() => {
      const weight = tf.tidy(() => tf.variable(tf.tensor1d(golden.initial)));
      const average = ema({ weight }, { decay: golden.ema.decay });
      for (const [step, expected] of golden.ema.averageAfterUpdate.entries()) {
        const values = golden.initial.map(
          (value, at) =>
            value + 0.3 * (step + 1) * ((golden.gradients[step] as number[])[at] as number),
        );
        tf.tidy(() => weight.assign(tf.tensor1d(values)));
        average.update();
        expectClose((average.weights.weight as tf.Variable).dataSync(), expected, 1e-6);
      }
      average.dispose();
      weight.dispose();
    });
  });

  test('with warm-up the decay is min(d, (1 + t) / (10 + t))', () => {
    const weight = tf.tidy(() => tf.variable(tf.scalar(0)));
    const average = ema({ weight }, { decay: 0.15, warmup: true });
    tf.tidy(() => weight.assign(tf.scalar(1)));
    average.update();
    expectClose((average.weights.weight as tf.Variable).dataSync(), [0.9], 1e-6);
    average.update();
    expectClose((average.weights.weight as tf.Variable).dataSync(), [0.9 * 0.15 + 0.85], 1e-6);
    average.dispose();
    weight.dispose();
  });

  test('swapping averages and weights twice changes no bit', () => {
    const weight = tf.tidy(() => tf.variable(tf.tensor1d([-0, 0.1, 3])));
    const average = ema({ weight }, { decay: 0.5 });
    tf.tidy(() => weight.assign(tf.tensor1d([-0, 7, 8])));
    average.swap();
    expectClose(weight.dataSync(), [0, 0.1, 3], 1e-7);
    average.swap();
    expect(Array.from(weight.dataSync())).toStrictEqual([-0, 7, 8]);
    average.dispose();
    weight.dispose();
  });
});

describe('optimizers', () => {
  test('name their slots after the weights', () => {
    const weights = tf.tidy(() => ({
      'conv.kernel': tf.variable(tf.zeros([2, 2])),
      bias: tf.variable(tf.zeros([2])),
    }));
    const names = (factory: OptimizerFactory) => {
      const optimizer = factory(weights);
      optimizer.dispose();
      return Object.keys(optimizer.weights);
    };
    expect(names(sgd())).toEqual([]);
    expect(names(sgd({ momentum: 0.9 }))).toEqual(['momentum.conv.kernel', 'momentum.bias']);
    expect(names(adam())).toEqual([
      'step',
      'first.conv.kernel',
      'first.bias',
      'second.conv.kernel',
      'second.bias',
    ]);
    expect(names(rmsProp({ centered: true }))).toEqual([
      'square.conv.kernel',
      'square.bias',
      'mean.conv.kernel',
      'mean.bias',
    ]);
    tf.dispose(weights);
  });

  test('decay only what the filter chooses, and leave a weight without a gradient alone', () => {
    const weights = tf.tidy(() => ({
      kernel: tf.variable(tf.ones([1, 1])),
      bias: tf.variable(tf.ones([1])),
      idle: tf.variable(tf.ones([1, 1])),
    }));
    const optimizer = sgd({ weightDecay: 0.5, decay: (_, shape) => shape.length > 1 })(weights);
    tf.tidy(() => optimizer.apply({ kernel: tf.zeros([1, 1]), bias: tf.zeros([1]) }, tf.scalar(1)));
    expect(weights.kernel.dataSync()[0]).toBe(0.5);
    expect(weights.bias.dataSync()[0]).toBe(1);
    expect(weights.idle.dataSync()[0]).toBe(1);
    tf.dispose(weights);
  });

  test('refuse options out of range', () => {
    expect(() => sgd({ momentum: 1 })).toThrow(
      'sgd: expected 0 ≤ momentum < 1, got 1; 0.9 is usual.',
    );
    expect(() => sgd({ nesterov: true })).toThrow(
      'sgd: expected momentum > 0 and no dampening with nesterov, got momentum 0 and dampening 0.',
    );
    expect(() => adam({ beta2: 1 })).toThrow(
      'adam: expected 0 ≤ beta2 < 1, got 1; 0.999 is usual.',
    );
    expect(() => adamW({ epsilon: 0 })).toThrow(
      'adamW: expected epsilon > 0, got 0; 1e-8 is usual.',
    );
    expect(() => rmsProp({ alpha: -1 })).toThrow(
      'rmsProp: expected 0 ≤ alpha < 1, got -1; 0.99 is usual.',
    );
    expect(() => sgd({ weightDecay: -1 })({})).toThrow(
      'sgd: expected weightDecay ≥ 0, got -1; 5e-4 is usual for sgd on CIFAR.',
    );
    expect(() => ema({}, { decay: 1 })).toThrow(
      'ema: expected 0 ≤ decay < 1, got 1; 0.999 is usual, less for short runs.',
    );
  });
});

import { readFileSync } from 'node:fs';
import type { ForwardOptions } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { batchNorm, convolution, relu, sequential } from '../src/index.ts';
import { toHwio, toNhwc } from './formula.ts';

/** Conv → BN → ReLU trained by SGD in PyTorch, float64 (golden.json, batchNormTraining). */
interface Trace {
  readonly optimizer: {
    readonly lr: number;
    readonly momentum: number;
    readonly weight_decay: number;
  };
  readonly initial: Record<
    'convWeightOIHW' | 'gamma' | 'beta' | 'runningMean' | 'runningVar',
    number[]
  >;
  readonly steps: readonly {
    readonly loss: number;
    readonly outputFirst8NHWC: number[];
    readonly gradients: {
      readonly convWeightNorm: number;
      readonly gamma: number[];
      readonly beta: number[];
    };
    readonly after: Record<
      'convWeightOIHW' | 'gamma' | 'beta' | 'runningMean' | 'runningVar',
      number[]
    >;
  }[];
  readonly evalAfter: { readonly outputNorm: number; readonly outputFirst8NHWC: number[] };
}

const trace = JSON.parse(
  readFileSync(new URL('fixtures/batchNormTraining.json', import.meta.url), 'utf8'),
) as Trace;
const training: ForwardOptions = { training: true };

onEveryEngine(() => {
  test("conv, batch norm and ReLU train as PyTorch's do, running averages included", () => {
    const layer = sequential({
      conv: convolution({ from: 3, to: 4 }),
      bn: batchNorm({ channels: 4 }),
      relu: relu(),
    })('', 0);
    const weights = Object.fromEntries(
      Object.entries(layer.weights).map(([name, weight]) => [name.slice(1), weight]),
    );
    const kernel = (oihw: readonly number[]) => toHwio((n) => oihw[n] as number, [3, 3, 3, 4]);
    const named = (values: Trace['initial']) => ({
      'conv.kernel': kernel(values.convWeightOIHW),
      'bn.scale': values.gamma,
      'bn.offset': values.beta,
      'bn.mean': values.runningMean,
      'bn.variance': values.runningVar,
    });
    for (const [name, values] of Object.entries(named(trace.initial)))
      assign(weights[name] as tf.Variable, values);
    const target = tf.tensor4d(
      toNhwc((n) => 0.5 + 0.5 * Math.cos(0.13 * n), [4, 5, 5, 4]),
      [4, 5, 5, 4],
    );
    const momenta: Record<string, Float32Array> = {};

    trace.steps.forEach((expected, step) => {
      const x = images(step);
      const trainable = Object.values(weights).filter((weight) => weight.trainable);
      let output: Float32Array | undefined;
      const { value, grads } = tf.variableGrads(() => {
        const y = layer.apply(x, training);
        output = y.dataSync<'float32'>();
        return tf.mul(0.5, tf.mean(tf.square(tf.sub(y, target))));
      }, trainable);
      expectClose(value.dataSync(), [expected.loss], 1e-5);
      expectClose((output as Float32Array).slice(0, 8), expected.outputFirst8NHWC, 1e-5);
      const gradientOf = (name: string) => grads[(weights[name] as tf.Variable).name] as tf.Tensor;
      expectClose(gradientOf('bn.scale').dataSync(), expected.gradients.gamma, 1e-4);
      expectClose(gradientOf('bn.offset').dataSync(), expected.gradients.beta, 1e-4);
      expectClose(
        [Math.hypot(...gradientOf('conv.kernel').dataSync())],
        [expected.gradients.convWeightNorm],
        1e-4,
      );

      for (const name of ['conv.kernel', 'bn.scale', 'bn.offset']) {
        const weight = weights[name] as tf.Variable;
        nesterov(weight, gradientOf(name).dataSync<'float32'>(), momenta, name);
      }
      for (const [name, values] of Object.entries(named(expected.after)))
        expectClose((weights[name] as tf.Variable).dataSync(), values, 2e-5);
      tf.dispose([x, value, grads]);
    });

    const x = images(0);
    const output = layer.apply(x, { training: false });
    expectClose(output.dataSync().slice(0, 8), trace.evalAfter.outputFirst8NHWC, 1e-4);
    expectClose([Math.hypot(...output.dataSync())], [trace.evalAfter.outputNorm], 1e-5);
    tf.dispose([x, output, target, layer.weights as Record<string, tf.Variable>]);
  });

  test('at training: false nothing changes, and no tensor is left in either mode', async () => {
    const layer = batchNorm({ channels: 3 })('bn', 0);
    const x = images(0);
    const before = Object.values(layer.weights).map((weight) => Array.from(weight.dataSync()));
    await expectNoNewTensors(() => tf.dispose(layer.apply(x, { training: false })));
    expect(Object.values(layer.weights).map((weight) => Array.from(weight.dataSync()))).toEqual(
      before,
    );
    await expectNoNewTensors(() => tf.dispose(layer.apply(x, training)));
    expect(Array.from((layer.weights['bn.mean'] as tf.Variable).dataSync())).not.toEqual(before[2]);
    tf.dispose([x, layer.weights as Record<string, tf.Variable>]);
  });
});

test('one value a channel cannot be normalized by itself', () => {
  const layer = batchNorm({ channels: 3 })('bn', 0);
  expect(() => layer.apply(tf.zeros([1, 1, 1, 3]), training)).toThrow(
    'bn: expected more than one value a channel in training, got 1; train with a larger batch, or pass training: false.',
  );
  expect(() => layer.apply(tf.zeros([1, 2, 2, 4]), training)).toThrow(
    'bn: expected feature maps [batch, height, width, 3], got [1, 2, 2, 4].',
  );
  expect(() => batchNorm({ channels: 3, epsilon: 0 })).toThrow(
    'batchNorm: expected epsilon > 0, got 0; 1e-5 is usual.',
  );
});

/**
 * PyTorch: g ← g + decay · w; v ← momentum · v + g (v = g at first); w ← w − rate · (g + momentum ·
 * v).
 */
function nesterov(
  weight: tf.Variable,
  gradient: Float32Array,
  momenta: Record<string, Float32Array>,
  name: string,
): void {
  const { lr, momentum, weight_decay } = trace.optimizer;
  const values = weight.dataSync<'float32'>();
  const g = gradient.map((value, at) => value + weight_decay * (values[at] as number));
  const v = g.map((value, at) => momentum * (momenta[name]?.[at] ?? 0) + value);
  momenta[name] = v;
  assign(
    weight,
    values.map((value, at) => value - lr * ((g[at] as number) + momentum * (v[at] as number))),
  );
}

function assign(weight: tf.Variable, values: ArrayLike<number>): void {
  tf.tidy(() => weight.assign(tf.tensor(Float32Array.from(values), weight.shape)));
}

function images(step: number): tf.Tensor4D {
  return tf.tensor4d(
    toNhwc((n) => Math.sin(0.3 * n + step) + 0.2 * Math.cos(0.011 * n * n), [4, 5, 5, 3]),
    [4, 5, 5, 3],
  );
}

import { deriveSeed, hashName, type LossInputs, type LossTerm, uniform } from '@kd/core';
import { expectClose, numericalGradient } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import type { FeatureRef } from '../../src/index.ts';
import { everyElement, expectNumericalGradient } from '../gradients.ts';

/** A step with these features of both networks, named 0, 1 … */
export function featureStep(
  student: readonly tf.Tensor[],
  teacher: readonly tf.Tensor[],
  logits: Partial<Record<'student' | 'teacher', tf.Tensor2D>> = {},
): LossInputs {
  const batch = student[0]?.shape[0] ?? 1;
  const outputs = (features: readonly tf.Tensor[], own?: tf.Tensor2D) => ({
    logits: own ?? tf.zeros<tf.Rank.R2>([batch, 2]),
    features: Object.fromEntries(features.entries()),
  });
  return {
    student: outputs(student, logits.student),
    teacher: outputs(teacher, logits.teacher),
    labels: tf.zeros([batch], 'int32'),
    scheduledValues: {},
  };
}

/** The pair of features with the same index in both, without channels. */
export function pairAt(at = 0) {
  return { student: String(at), teacher: String(at) };
}

/** A pair of features with their channels. */
export function refPair(studentChannels: number, teacherChannels: number, at = 0) {
  const point = (channels: number): FeatureRef => ({ name: String(at), channels, stride: 1 });
  return { student: point(studentChannels), teacher: point(teacherChannels) };
}

/** Numbers in [−1, 1), others for each name, of a size of their own. */
export function noise<R extends tf.Rank>(
  name: string,
  shape: tf.ShapeMap[R],
  size = 1,
): tf.Tensor<R> {
  const seed = deriveSeed(5, 'noise', hashName(name));
  const count = shape.reduce((product, side) => product * side, 1);
  return tf.tensor(
    Float32Array.from({ length: count }, (_, at) => size * (2 * uniform(seed, 0, at) - 1)),
    shape,
    'float32',
  );
}

export function maps(name: string, shape: [number, number, number, number], size = 1): tf.Tensor4D {
  return noise<tf.Rank.R4>(name, shape, size);
}

/**
 * Throws unless the gradient is that of finite differences. @param step Small where there are
 * kinks.
 */
export function expectGradient(
  loss: (x: tf.Tensor) => tf.Scalar,
  x: tf.Tensor,
  relative = 2e-3,
  step = 0.02,
): void {
  expectNumericalGradient(loss, x, tf.grad(loss)(x).dataSync(), relative, step);
}

/** More weights than these are moved together on the cpu backend. */
const manyWeights = 12;

/**
 * Throws unless each weight's gradient is that of finite differences, along one direction of each;
 * on TensorFlow.js's cpu backend, if there are many, along one direction of all together.
 */
export function expectWeightGradients(
  weights: Readonly<Record<string, tf.Variable>> | undefined,
  run: () => tf.Scalar,
  relative = 5e-3,
  step = 0.02,
): void {
  const all = Object.values(weights ?? {}).filter(({ trainable }) => trainable);
  const { grads } = tf.variableGrads(run, all);
  const directions = all.map((weight, at) => noise(`direction ${at}`, weight.shape as [number]));
  const before = all.map((weight) => weight.clone());
  // The indices of the weights that are moved together: each alone, or all at once.
  const together = !everyElement() && all.length > manyWeights;
  const moves = together ? [[...all.keys()]] : [...all.keys()].map((at) => [at]);
  const slopes = moves.map((moved) => {
    const along = (x: tf.Tensor): tf.Scalar => {
      for (const at of moved)
        all[at]?.assign(tf.add(before[at] as tf.Tensor, tf.mul(directions[at] as tf.Tensor, x)));
      return run();
    };
    const [expected = 0] = numericalGradient(along, tf.zeros([1]), step);
    for (const at of moved) all[at]?.assign(before[at] as tf.Tensor);
    const products = moved.map((at) =>
      tf.sum(tf.mul(grads[all[at]?.name ?? ''] as tf.Tensor, directions[at] as tf.Tensor)),
    );
    const [got = 0] = tf.addN(products).dataSync();
    return { expected, got };
  });
  expectClose(
    slopes.map(({ got }) => got),
    slopes.map(({ expected }) => expected),
    relative,
  );
}

/** The value, and the gradient to x, both of which must be finite. */
export function finite(
  loss: (x: tf.Tensor) => tf.Scalar,
  x: tf.Tensor,
): { readonly value: number; readonly gradient: readonly number[] } {
  const { value, grad } = tf.valueAndGrad(loss)(x);
  const gradient = Array.from(grad.dataSync(), (one) => one + 0);
  const [number = Number.NaN] = value.dataSync();
  expect([number, ...gradient].filter((one) => !Number.isFinite(one))).toEqual([]);
  return { value: number, gradient };
}

/** The one number of a term. */
export function lossOf(term: LossTerm, step: LossInputs): number {
  return term(step).dataSync()[0] as number;
}

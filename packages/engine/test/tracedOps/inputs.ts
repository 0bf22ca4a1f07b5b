import * as tf from '@tensorflow/tfjs-core';
import { pseudoRandom } from '../numbers.ts';

export type Run = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/**
 * An op, how to make its inputs, and whether its gradient is left out (there is none, or upstream's
 * is wrong).
 */
export type Row = readonly [
  name: string,
  run: Run,
  inputs: () => tf.Tensor[],
  gradient?: 'no gradient',
];

export const random = (seed: number, ...shape: number[]): tf.Tensor =>
  tf.tensor(pseudoRandom(seed, shape), shape);
export const positive = (seed: number, ...shape: number[]): tf.Tensor =>
  tf.tidy(() => tf.add(tf.abs(random(seed, ...shape)), 0.1));
/** Between −0.9 and 0.9. */
export const within = (seed: number, ...shape: number[]): tf.Tensor =>
  tf.tidy(() => tf.mul(tf.tanh(random(seed, ...shape)), 0.9));
export const integers = (values: number[], ...shape: number[]): tf.Tensor =>
  tf.tensor(values, shape, 'int32');
export const truths = (values: number[], ...shape: number[]): tf.Tensor =>
  tf.tensor(values, shape, 'bool');

export const table = (): tf.Tensor[] => [random(1, 3, 4)];
export const twoTables = (): tf.Tensor[] => [random(1, 3, 4), random(2, 3, 4)];
export const maps = (): tf.Tensor[] => [random(1, 2, 6, 6, 4)];

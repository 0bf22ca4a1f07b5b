import * as tf from '@tensorflow/tfjs-core';
import { integers, type Row, random, table, truths } from './inputs.ts';

export const reductions: Row[] = [
  ...Object.entries({
    sum: tf.sum,
    mean: tf.mean,
    max: tf.max,
    min: tf.min,
    logSumExp: tf.logSumExp,
  }).flatMap(([name, op]): Row[] => [
    [name, (x) => op(x as tf.Tensor), table],
    [`${name}, one axis, kept`, (x) => op(x as tf.Tensor, 1, true), table],
  ]),
  ...Object.entries({ all: tf.all, any: tf.any }).map(
    ([name, op]): Row => [
      name,
      (x) => op(x as tf.Tensor, 0),
      () => [truths([1, 0, 1, 1], 2, 2)],
      'no gradient',
    ],
  ),
  ...Object.entries({ argMax: tf.argMax, argMin: tf.argMin }).map(
    ([name, op]): Row => [name, (x) => op(x as tf.Tensor, 1), table, 'no gradient'],
  ),
  ['prod', (x) => tf.prod(x as tf.Tensor, 1), table, 'no gradient'],
  ['moments', (x) => Object.values(tf.moments(x as tf.Tensor, [0])), table],
  ['norm', (x) => tf.norm(x as tf.Tensor, 'euclidean', 1), table],
  ['cumsum', (x) => tf.cumsum(x as tf.Tensor, 1, true, true), table],
  ['cumprod', (x) => tf.cumprod(x as tf.Tensor, 1), table, 'no gradient'],
  ['topk', (x) => Object.values(tf.topk(x as tf.Tensor, 2)), table, 'no gradient'],
  [
    'bincount',
    (x) => tf.bincount(x as tf.Tensor1D, tf.tensor1d([]), 5),
    () => [integers([1, 2, 2, 4], 4)],
    'no gradient',
  ],
  [
    'unsortedSegmentSum',
    (x, at) =>
      tf.unsortedSegmentSum(x as tf.Tensor, tf.cast(at as tf.Tensor, 'int32') as tf.Tensor1D, 2),
    () => [random(1, 3, 4), integers([0, 1, 0], 3)],
    'no gradient',
  ],
];

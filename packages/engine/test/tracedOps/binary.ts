import * as tf from '@tensorflow/tfjs-core';
import { positive, type Row, random, table, truths, twoTables } from './inputs.ts';

export const binary: Row[] = [
  ...Object.entries({
    add: tf.add,
    sub: tf.sub,
    mul: tf.mul,
    div: tf.div,
    atan2: tf.atan2,
  }).flatMap(([name, op]): Row[] => [
    [name, (a, b) => op(a as tf.Tensor, b as tf.Tensor), twoTables],
    [
      `${name}, broadcast`,
      (a, b) => op(a as tf.Tensor, b as tf.Tensor),
      () => [random(1, 3, 4), random(2, 4)],
    ],
  ]),
  // Upstream's gradients of these do not know how to broadcast.
  ...Object.entries({
    maximum: tf.maximum,
    minimum: tf.minimum,
    squaredDifference: tf.squaredDifference,
  }).flatMap(([name, op]): Row[] => [
    [name, (a, b) => op(a as tf.Tensor, b as tf.Tensor), twoTables],
    [
      `${name}, broadcast`,
      (a, b) => op(a as tf.Tensor, b as tf.Tensor),
      () => [random(1, 3, 4), random(2, 4)],
      'no gradient',
    ],
  ]),
  ['divNoNan', (a, b) => tf.divNoNan(a as tf.Tensor, b as tf.Tensor), twoTables, 'no gradient'],
  [
    'pow',
    (a, b) => tf.pow(a as tf.Tensor, b as tf.Tensor),
    () => [positive(1, 3, 4), random(2, 3, 4)],
  ],
  ...Object.entries({
    floorDiv: tf.floorDiv,
    mod: tf.mod,
    equal: tf.equal,
    notEqual: tf.notEqual,
    less: tf.less,
    lessEqual: tf.lessEqual,
    greater: tf.greater,
    greaterEqual: tf.greaterEqual,
  }).map(
    ([name, op]): Row => [
      name,
      (a, b) => op(a as tf.Tensor, b as tf.Tensor),
      twoTables,
      'no gradient',
    ],
  ),
  ...Object.entries({
    logicalAnd: tf.logicalAnd,
    logicalOr: tf.logicalOr,
    logicalXor: tf.logicalXor,
  }).map(
    ([name, op]): Row => [
      name,
      (a, b) => op(a as tf.Tensor, b as tf.Tensor),
      () => [truths([1, 0, 1, 0], 4), truths([1, 1, 0, 0], 4)],
      'no gradient',
    ],
  ),
  ['addN', (...all) => tf.addN(all), () => [random(1, 3, 4), random(2, 3, 4), random(3, 3, 4)]],
  [
    'where',
    (a, b) =>
      tf.where(
        tf.tensor2d(
          [
            [1, 0, 0, 1],
            [0, 1, 0, 1],
            [1, 1, 0, 0],
          ],
          [3, 4],
          'bool',
        ),
        a as tf.Tensor,
        b as tf.Tensor,
      ),
    twoTables,
  ],
  ['matMul', (a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor, false, true), twoTables],
  [
    'matMul, batched',
    (a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor),
    () => [random(1, 2, 3, 4), random(2, 2, 4, 5)],
  ],
  [
    'einsum ij,jk->ik',
    (a, b) => tf.einsum('ij,jk->ik', a as tf.Tensor, b as tf.Tensor),
    () => [random(1, 3, 4), random(2, 4, 5)],
    'no gradient',
  ],
  ['einsum of one', (a) => tf.einsum('ij->ji', a as tf.Tensor), table, 'no gradient'],
  [
    'dot, outerProduct',
    (a, b) => [
      tf.dot(a as tf.Tensor, b as tf.Tensor),
      tf.outerProduct(a as tf.Tensor1D, b as tf.Tensor1D),
    ],
    () => [random(1, 4), random(2, 4)],
  ],
];

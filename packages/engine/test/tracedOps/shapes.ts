import * as tf from '@tensorflow/tfjs-core';
import { integers, maps, type Row, random, table, twoTables } from './inputs.ts';

const t4 = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D;

export const shapes: Row[] = [
  ['reshape', (x) => tf.reshape(x as tf.Tensor, [2, 6]), table],
  ['transpose', (x) => tf.transpose(x as tf.Tensor, [2, 0, 1]), () => [random(1, 2, 3, 4)]],
  [
    'expandDims, squeeze',
    (x) => [tf.expandDims(x as tf.Tensor, 1), tf.squeeze(tf.expandDims(x as tf.Tensor))],
    table,
  ],
  ['tile', (x) => tf.tile(x as tf.Tensor, [2, 3]), table],
  ['reverse', (x) => tf.reverse(x as tf.Tensor, [1]), table],
  ['concat', (a, b) => tf.concat([a as tf.Tensor, b as tf.Tensor], 1), twoTables],
  ['stack', (a, b) => tf.stack([a as tf.Tensor, b as tf.Tensor], 1), twoTables],
  ['unstack', (x) => tf.unstack(x as tf.Tensor, 1), table],
  ['split', (x) => tf.split(x as tf.Tensor, [1, 3], 1), table],
  ['slice', (x) => tf.slice(x as tf.Tensor, [1, 0], [2, 3]), table],
  [
    'stridedSlice',
    (x) => tf.stridedSlice(x as tf.Tensor, [0, 0], [3, 4], [2, 2]),
    table,
    'no gradient',
  ],
  [
    'pad',
    (x) =>
      tf.pad(
        x as tf.Tensor,
        [
          [1, 2],
          [0, 1],
        ],
        5,
      ),
    table,
  ],
  [
    'mirrorPad',
    (x) =>
      tf.mirrorPad(
        x as tf.Tensor,
        [
          [1, 1],
          [2, 0],
        ],
        'reflect',
      ),
    table,
    'no gradient',
  ],
  [
    'gather',
    (x, at) => tf.gather(x as tf.Tensor, tf.cast(at as tf.Tensor, 'int32') as tf.Tensor1D, 1),
    () => [random(1, 3, 4), integers([3, 0, 3], 3)],
    'no gradient',
  ],
  ['gather’s gradient', (x) => tf.gather(x as tf.Tensor, tf.tensor1d([2, 0, 2], 'int32')), table],
  [
    'gather in batches',
    (x, at) => tf.gather(x as tf.Tensor, at as tf.Tensor2D, 1, 1),
    () => [random(1, 2, 4), integers([3, 0, 1, 1], 2, 2)],
    'no gradient',
  ],
  [
    'gatherND',
    (x, at) => tf.gatherND(x as tf.Tensor, at as tf.Tensor),
    () => [random(1, 3, 4), integers([0, 1, 2, 3], 2, 2)],
    'no gradient',
  ],
  [
    'scatterND',
    (x, at) => tf.scatterND(at as tf.Tensor, x as tf.Tensor, [5]),
    () => [random(1, 2), integers([1, 3], 2, 1)],
    'no gradient',
  ],
  [
    'tensorScatterUpdate',
    (x, at, to) => tf.tensorScatterUpdate(x as tf.Tensor, at as tf.Tensor, to as tf.Tensor),
    () => [random(1, 4), integers([1, 3], 2, 1), random(2, 2)],
    'no gradient',
  ],
  [
    'oneHot',
    (at) => tf.oneHot(at as tf.Tensor, 4, 0.9, 0.1),
    () => [integers([1, 3, 0], 3)],
    'no gradient',
  ],
  ['broadcastTo', (x) => tf.broadcastTo(x as tf.Tensor, [2, 3, 4]), table],
  [
    'linspace, range, eye',
    (x) => [tf.linspace(0, 1, 5), tf.range(0, 4), tf.eye(3), tf.neg(x as tf.Tensor)],
    table,
    'no gradient',
  ],
  ['depthToSpace', (x) => tf.depthToSpace(t4(x), 2), maps, 'no gradient'],
  [
    'spaceToBatchND, batchToSpaceND',
    (x) =>
      tf.batchToSpaceND(
        tf.spaceToBatchND(
          t4(x),
          [2, 2],
          [
            [0, 0],
            [0, 0],
          ],
        ),
        [2, 2],
        [
          [0, 0],
          [0, 0],
        ],
      ),
    maps,
  ],
];

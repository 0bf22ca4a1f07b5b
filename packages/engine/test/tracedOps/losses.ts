import { randomUniform } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { integers, type Row, table, twoTables } from './inputs.ts';

export const losses: Row[] = [
  [
    'softmaxCrossEntropy',
    (labels, logits) =>
      tf.losses.softmaxCrossEntropy(tf.softmax(labels as tf.Tensor), logits as tf.Tensor),
    twoTables,
  ],
  [
    'meanSquaredError',
    (a, b) => tf.losses.meanSquaredError(a as tf.Tensor, b as tf.Tensor),
    twoTables,
  ],
  ['huberLoss', (a, b) => tf.losses.huberLoss(a as tf.Tensor, b as tf.Tensor), twoTables],
  [
    'fft, ifft',
    (x) => tf.real(tf.ifft(tf.fft(tf.complex(x as tf.Tensor, tf.zerosLike(x as tf.Tensor))))),
    table,
    'no gradient',
  ],
  [
    'randomUniform of @kd/core',
    (seed) => randomUniform([3, 4], seed as tf.Tensor1D),
    () => [integers([3, 4], 2)],
    'no gradient',
  ],
  [
    'customGrad',
    (x) =>
      tf.customGrad((...args) => {
        const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
        save([x]);
        return {
          value: tf.square(x),
          gradFunc: (dy, saved) => tf.mul(dy as tf.Tensor, tf.mul(saved[0] as tf.Tensor, 3)),
        };
      })(x as tf.Tensor),
    table,
  ],
];

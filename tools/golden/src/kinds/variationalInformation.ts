import { projector, vidPerExample } from '@kd/losses';
import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LossEntry } from '../file.ts';
import { extrasOf } from '../modules.ts';
import { numberOf } from '../values.ts';
import { hasModule, withModule } from './connectedTerm.ts';
import type { LossKind } from './kind.ts';

/**
 * `VID, identity 1x1 regressors (two ReLUs between stay)`, `VID, 1x1 regressors of given weights`.
 * The gradient is taken to the logarithms of the scales too, which a term keeps to itself: hence
 * the function of the paper and the regressor one by one.
 */
export const variationalInformationKind: LossKind = {
  matches: ({ loss }) => /^VID\b/.test(loss),
  options: ['initialVariance', 'epsilon'],
  value(entry, roles) {
    const [student, teacher, logScale] = ['student', 'teacher', 'logScale'].map((role) =>
      roles.tensor(role),
    ) as [Tensor, Tensor, Tensor1D];
    const likelihood = (prediction: Tensor): Scalar =>
      tf.mean(
        vidPerExample(prediction, teacher, logScale, {
          epsilon: numberOf(entry.options, 'epsilon', 1e-5),
        }),
      ) as Scalar;
    if (!hasModule(entry)) return likelihood(tf.relu(student));
    const [from, to] = [student.shape.at(-1) as number, teacher.shape.at(-1) as number];
    const hidden = hiddenIn(entry) ?? to;
    const layers = [
      { from, to: hidden, relu: true },
      { from: hidden, to: hidden, relu: true },
      { from: hidden, to },
    ];
    return withModule(entry, projector(layers), ({ apply }) => likelihood(apply(student)));
  },
};

/** As many channels as the first weight has rows. */
function hiddenIn(entry: LossEntry): number | undefined {
  const [first] = Object.values(extrasOf(entry).module ?? {});
  return Array.isArray(first) ? first.length : undefined;
}

import { mgd, mgdPerExample, weighted } from '@kd/losses';
import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { tensorIn } from '../modules.ts';
import { numberOf } from '../values.ts';
import { connectedStepOf, hasModule, withModule } from './connectedTerm.ts';
import type { LossKind } from './kind.ts';

/**
 * `MGD distance as MMRazor (sum of squares / B * alpha, no generation)`, `MGD with generation block
 * and a fixed channel mask`, whose mask the entry brings:
 * lambda, of which it was drawn, is not needed.
 */
export const maskedGenerationKind: LossKind = {
  matches: ({ loss }) => /^MGD\b/.test(loss),
  options: ['alpha', 'lambda'],
  value(entry, roles) {
    const alpha = numberOf(entry.options, 'alpha', 1);
    const { step, pairs } = connectedStepOf(roles);
    if (!hasModule(entry)) {
      const [student, teacher] = [roles.tensor('student'), roles.tensor('teacher')] as [
        Tensor4D,
        Tensor4D,
      ];
      return tf.mul(tf.mean(mgdPerExample(student, teacher)), alpha) as Scalar;
    }
    const mask = () => maskOf(tensorIn(entry, 'mask'));
    return withModule(entry, weighted(alpha, mgd(pairs, { mask })), (term) => term(step));
  },
};

/**
 * [batch, channels], or in PyTorch's order [batch, channels, height, width] with ones where it
 * broadcasts.
 */
function maskOf(kept: Tensor): Tensor {
  const [batch = 0, channels = 0] = kept.shape;
  return kept.rank === 2
    ? tf.reshape(kept, [batch, 1, 1, channels])
    : tf.transpose(kept, [0, 2, 3, 1]);
}

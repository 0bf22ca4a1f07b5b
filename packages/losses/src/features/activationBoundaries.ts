import { assertSameShape, ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { type FeaturePair, toPairs } from '../shared/features.ts';
import { flattenFeatures } from '../shared/geometry.ts';
import { noGrad } from '../shared/math.ts';
import {
  createRegressors,
  doublingWeight,
  projectedTerm,
  type Regressor,
} from '../shared/projector.ts';

/** Options of activation boundary transfer. */
export interface ActivationBoundariesOptions {
  /** Margin m by which a student's neuron has to be beyond the boundary, > 0; 1. */
  readonly margin?: number;
  /**
   * `{ batchNorm: true }` by default, as in the paper; `'none'` if both have the same number of
   * channels.
   */
  readonly regressor?: Regressor;
  /** Seed of the regressors' initial weights; 0. */
  readonly seed?: number;
}

/** RepDistiller's factor of the sum, which brings it to about the size of a cross entropy. */
const scale = 3 / 1000;

/**
 * Hinge loss that asks a student's neurons to be active where the teacher's are, by a margin.
 *
 * 3/1000 · Σ over positions and channels of (s + m)² where t ≤ 0 and s > −m, (s − m)² where t > 0
 * and s ≤ m, else 0
 * @param student s, best before the ReLU: [batch, height, width, channels] or [batch, channels],
 * projected to the teacher's channels.
 * @param teacher t, of the same shape; only its sign is used. Not differentiated.
 * @param options.margin m > 0.
 * @returns [batch], ≥ 0.
 * @throws RangeError for shapes that differ and for a margin ≤ 0.
 * Source: Heo et al., "Knowledge transfer via distillation of activation boundaries formed by
 * hidden neurons" (2019), section 3; the factor is RepDistiller's.
 */
export function activationBoundariesPerExample(
  student: tf.Tensor,
  teacher: tf.Tensor,
  { margin = 1 }: Pick<ActivationBoundariesOptions, 'margin'> = {},
): tf.Tensor1D {
  assertMargin(margin);
  assertSameShape('activationBoundaries', 'student features', student, 'teacher features', teacher);
  return tf.tidy(() => {
    const on = noGrad(() => tf.cast(tf.greater(teacher, 0), 'float32'));
    // Both cases are mirror images: a neuron that should be active is short by m − s, one that
    // should be inactive by m + s.
    const side = tf.sub(1, tf.mul(on, 2));
    const short = tf.relu(tf.add(tf.mul(student, side), margin));
    return tf.mul(tf.sum<tf.Tensor1D>(flattenFeatures(tf.square(short)), 1), scale);
  });
}

/**
 * Activation boundaries, mean over the batch; of n pairs, shallowest first, pair i has weight 2^(i
 * − n + 1), the last one 1. Usually with weight 1 in the first epochs only (RepDistiller trains 30
 * epochs with it alone before its 240 on labels alone): `weighted((progress) => (progress < 0.1 ? 1
 * : 0), activationBoundaries([…]))`.
 *
 * See also `ofd`, by the same authors, which transfers the values too.
 */
export function activationBoundaries(
  pairs: FeaturePair | readonly FeaturePair[],
  options: ActivationBoundariesOptions = {},
): LossTerm {
  const { margin = 1, regressor = { batchNorm: true }, seed = 0 } = options;
  assertMargin(margin);
  const regressors = createRegressors(
    'activationBoundaries',
    toPairs<FeaturePair>('activationBoundaries', pairs),
    regressor,
    seed,
  );
  return projectedTerm('activationBoundaries', pairs, regressors, (student, teacher, at) => {
    const loss = tf.mean(activationBoundariesPerExample(student, teacher, { margin }));
    return tf.mul(loss, doublingWeight(at, regressors.length)) as tf.Scalar;
  });
}

function assertMargin(margin: number): void {
  ensure(
    margin > 0 && margin < Infinity,
    'activationBoundaries',
    'margin > 0',
    margin,
    '1 is usual',
  );
}

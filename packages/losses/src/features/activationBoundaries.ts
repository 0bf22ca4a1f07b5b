import { assertSameShape, ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { constant } from '../detached.ts';
import { flat } from '../flat.ts';
import { type FeaturePair, pairsOf } from '../taps.ts';
import { doubling, projectedTerm } from './projectedTerm.ts';
import { type Regressor, regressorsOf } from './regressors.ts';

/** How activation boundaries are transferred. */
export interface ActivationBoundariesOptions {
  /** How far beyond the boundary a student's neuron has to be, > 0; 1. */
  readonly margin?: number;
  /** `{ batchNorm: true }`, the paper's connector; `'none'` where both have as many channels. */
  readonly regressor?: Regressor;
  /** The connectors' first weights are drawn from it; 0. */
  readonly seed?: number;
}

/** RepDistiller's factor of the sum, which makes it weigh about as much as a cross entropy. */
const scale = 3 / 1000;

/**
 * How far a student's neurons are from being on where the teacher's are, by a margin.
 *
 * 3/1000 · Σ over places and channels of (s + m)² where t ≤ 0 and s > −m, (s − m)² where t > 0 and
 * s ≤ m, else 0
 * @param student s, best before the ReLU: [batch, height, width, channels] or [batch, channels],
 * connected to the teacher's channels.
 * @param teacher t, of the same shape; only its sign counts. Not differentiated.
 * @param options.margin m > 0.
 * @returns [batch], ≥ 0.
 * @throws RangeError on shapes that differ and on a margin ≤ 0.
 * Source: Heo et al., "Knowledge transfer via distillation of activation boundaries formed by
 * hidden neurons" (2019), section 3; the factor is RepDistiller's.
 */
export function activationBoundariesPerExample(
  student: tf.Tensor,
  teacher: tf.Tensor,
  { margin = 1 }: Pick<ActivationBoundariesOptions, 'margin'> = {},
): tf.Tensor1D {
  expectMargin(margin);
  assertSameShape('activationBoundaries', 'student features', student, 'teacher features', teacher);
  return tf.tidy(() => {
    const on = constant(() => tf.cast(tf.greater(teacher, 0), 'float32'));
    // Both cases are one, seen from the other side of the boundary: a neuron that should be on is
    // short by m − s, one that should be off by m + s.
    const side = tf.sub(1, tf.mul(on, 2));
    const short = tf.relu(tf.add(tf.mul(student, side), margin));
    return tf.mul(tf.sum<tf.Tensor1D>(flat(tf.square(short)), 1), scale);
  });
}

/**
 * Activation boundaries, mean over the batch; of n pairs, shallowest first, pair i counts 2^(i − n
 * + 1), the last one 1.
 * Usually with weight 1 in the first epochs only (RepDistiller has 30 epochs with it alone before
 * its 240 on labels alone): `weighted((progress) => (progress < 0.1 ? 1 : 0),
 * activationBoundaries([…]))`.
 *
 * See also `ofd`, by the same authors, which transfers the values too.
 */
export function activationBoundaries(
  pairs: FeaturePair | readonly FeaturePair[],
  options: ActivationBoundariesOptions = {},
): LossTerm {
  const { margin = 1, regressor = { batchNorm: true }, seed = 0 } = options;
  expectMargin(margin);
  const connectors = regressorsOf(
    'activationBoundaries',
    pairsOf<FeaturePair>('activationBoundaries', pairs),
    regressor,
    seed,
  );
  return projectedTerm('activationBoundaries', pairs, connectors, (student, teacher, at) => {
    const loss = tf.mean(activationBoundariesPerExample(student, teacher, { margin }));
    return tf.mul(loss, doubling(at, connectors.length)) as tf.Scalar;
  });
}

function expectMargin(margin: number): void {
  ensure(
    margin > 0 && margin < Infinity,
    'activationBoundaries',
    'margin > 0',
    margin,
    '1 is usual',
  );
}

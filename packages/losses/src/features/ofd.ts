import { assertSameShape, ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { constant, stopGradient } from '../detached.ts';
import { flat } from '../flat.ts';
import { type FeaturePair, pairsOf } from '../taps.ts';
import { doubling, projectedTerm } from './projectedTerm.ts';
import { type Regressor, regressorsOf } from './regressors.ts';

/** A pair of taps with the teacher's margins there. */
export interface OfdPair extends FeaturePair {
  /** For each of the teacher's channels, ≤ 0: `ofdMargin` of the batch norm before the tap. */
  readonly margin: readonly number[];
}

/** How an overhauled student is connected. */
export interface OfdOptions {
  /** `{ batchNorm: true }`; `'none'` where both have as many channels. */
  readonly regressor?: Regressor;
  /** The connectors' first weights are drawn from it; 0. */
  readonly seed?: number;
}

/**
 * How far a student's features before the ReLU are from a teacher's, without what the teacher's
 * ReLU hides.
 *
 * Σ over places and channels of (s − t′)² where t′ > 0 or s > t′, t′ = max(t, margin): where the
 * teacher is off, a student below it is right too.
 * @param student s, best before the ReLU: [batch, height, width, channels] or [batch, channels],
 * connected to the teacher's channels.
 * @param teacher t, of the same shape. Not differentiated.
 * @param margin For each channel, ≤ 0: what t′ is where the teacher is clearly off.
 * @returns [batch], ≥ 0.
 * @throws RangeError on shapes that differ, and on a margin for other channels or above 0.
 * Source: Heo et al., "A comprehensive overhaul of feature distillation" (2019), section 3.
 */
export function ofdPerExample(
  student: tf.Tensor,
  teacher: tf.Tensor,
  margin: readonly number[],
): tf.Tensor1D {
  expectMargin(margin);
  assertSameShape('ofd', 'student features', student, 'teacher features', teacher);
  const channels = teacher.shape.at(-1);
  ensure(
    margin.length === channels,
    'ofd',
    `a margin for each of ${channels} channels`,
    margin.length,
  );
  return tf.tidy(() => {
    const target = tf.maximum(stopGradient(teacher), tf.tensor1d([...margin]));
    const apart = tf.sub(student, target);
    const counts = constant(() =>
      tf.cast(tf.logicalOr(tf.greater(target, 0), tf.greater(apart, 0)), 'float32'),
    );
    return tf.sum<tf.Tensor1D>(flat(tf.mul(tf.square(apart), counts)), 1);
  });
}

/**
 * The overhaul of feature distillation, mean over the batch; of n pairs, shallowest first, pair i
 * counts 2^(i − n + 1), the last one 1.
 * The sum over places is large: usually `weighted(1e-3, overhaul([…]))` on CIFAR and 1e-4 on
 * ImageNet; 1e-3 for one pair is what MMRazor's OFDLoss gives.
 *
 * At a tap behind a ReLU, as those of our networks are, the margins change nothing.
 * See also `activationBoundaries`, which transfers only whether a neuron is on, and `hints`.
 */
export function ofd(
  pairs: OfdPair | readonly OfdPair[],
  { regressor = { batchNorm: true }, seed = 0 }: OfdOptions = {},
): LossTerm {
  const list = pairsOf<OfdPair>('overhaul', pairs);
  for (const { margin } of list) expectMargin(margin);
  return projectedTerm(
    'overhaul',
    list,
    regressorsOf('overhaul', list, regressor, seed),
    (student, teacher, at) => {
      const { margin } = list[at] as OfdPair;
      return tf.mul(
        tf.mean(ofdPerExample(student, teacher, margin)),
        doubling(at, list.length),
      ) as tf.Scalar;
    },
  );
}

function expectMargin(margin: readonly number[]): void {
  const above = margin.find((value) => !(value <= 0));
  ensure(above === undefined, 'ofd', 'margins ≤ 0', above, 'ofdMargin makes them of a batch norm');
}

import { assertSameShape, assertShape, ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { channelsAt, type FeaturePair, type FeatureRef, toPairs } from '../shared/features.ts';
import { flattenFeatures } from '../shared/geometry.ts';
import { softplus, stopGradient } from '../shared/math.ts';
import { projectedTerm, projector } from '../shared/projector.ts';

/** Options of VID. */
export interface VidOptions {
  /** Initial variance of every channel, > epsilon; 5. */
  readonly initialVariance?: number;
  /** Added to the variance, > 0; 1e-5. */
  readonly epsilon?: number;
  /** Channels between the regressor's three 1×1 convolutions; those of the teacher by default. */
  readonly hidden?: number;
  /** Seed of the initial weights; 0. */
  readonly seed?: number;
}

/**
 * Negative log-likelihood of a teacher's features under a Gaussian predicted by the student: the
 * negative of a lower bound of their mutual information.
 *
 * mean over positions and channels of (prediction − teacher)² / 2σ² + ln σ² / 2, σ² = ln(1 +
 * e^logScale) + ε, one for each channel
 * @param prediction [batch, height, width, channels] or [batch, channels]: a regressor's output for
 * the student's features.
 * @param teacher Of the same shape. Not differentiated.
 * @param logScale [channels], trained along.
 * @returns [batch], nats without the constant ln(2π) / 2; below 0 where variances are below 1.
 * @throws RangeError for shapes that do not match.
 * Source: Ahn et al., "Variational information distillation for knowledge transfer" (2019), section
 * 2.
 */
export function vidPerExample(
  prediction: tf.Tensor,
  teacher: tf.Tensor,
  logScale: tf.Tensor1D,
  { epsilon = 1e-5 }: Pick<VidOptions, 'epsilon'> = {},
): tf.Tensor1D {
  ensure(epsilon > 0, 'vid', 'epsilon > 0', epsilon, '1e-5 is usual');
  assertSameShape('vid', 'predictions', prediction, 'teacher features', teacher);
  assertShape('vid', 'logScale [channels]', logScale, [teacher.shape.at(-1) as number]);
  return tf.tidy(() => {
    const variance = tf.add(softplus(logScale), epsilon);
    const distance = tf.div(tf.square(tf.sub(prediction, stopGradient(teacher))), variance);
    return tf.mean<tf.Tensor1D>(
      flattenFeatures(tf.mul(tf.add(distance, tf.log(variance)), 0.5)),
      1,
    );
  });
}

/**
 * Variational information distillation (VID), mean over the batch, sum over the pairs; the
 * regressors are three 1×1 convolutions with ReLUs between. Usually with weight 1: `vid({ student:
 * featureRef(student, 'stage3'), teacher: featureRef(teacher, 'stage3') })`.
 *
 * See also `hints`, which is this with a fixed variance.
 */
export function vid(
  pairs: FeaturePair<FeatureRef> | readonly FeaturePair<FeatureRef>[],
  options: VidOptions = {},
): LossTerm {
  const { initialVariance = 5, epsilon = 1e-5, hidden, seed = 0 } = options;
  const isBeyond = epsilon > 0 && initialVariance > epsilon && initialVariance < Infinity;
  ensure(
    isBeyond,
    'vid',
    '0 < epsilon < initialVariance',
    [epsilon, initialVariance],
    '1e-5 and 5 are usual',
  );
  const list = toPairs<FeaturePair<FeatureRef>>('vid', pairs);
  const parts = list.map(({ student, teacher }, at) => {
    const [from, to] = [channelsAt('vid', student), channelsAt('vid', teacher)];
    const between = hidden ?? to;
    const layers = [
      { from, to: between, relu: true },
      { from: between, to: between, relu: true },
      { from: between, to },
    ];
    const { weights, apply } = projector(layers, { name: `pair${at}`, seed });
    const logScale = tf.tidy(() =>
      tf.variable(tf.fill([to], Math.log(Math.expm1(initialVariance - epsilon)))),
    );
    return { logScale, weights: { ...weights, [`pair${at}.logScale`]: logScale }, apply };
  });
  return projectedTerm('vid', list, parts, (prediction, teacher, at) => {
    const { logScale } = parts[at] as { readonly logScale: tf.Tensor };
    return tf.mean(
      vidPerExample(prediction, teacher, logScale as tf.Tensor1D, { epsilon }),
    ) as tf.Scalar;
  });
}

import { assertSameShape, ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { type FeaturePair, toPairs } from '../shared/features.ts';
import { flattenFeatures } from '../shared/geometry.ts';
import { noGrad, stopGradient } from '../shared/math.ts';
import {
  createRegressors,
  doublingWeight,
  projectedTerm,
  type Regressor,
} from '../shared/projector.ts';

/** A pair of features with the teacher's margins. */
export interface OfdPair extends FeaturePair {
  /**
   * One margin ≤ 0 for each of the teacher's channels: `ofdMargin` of the batch norm before the
   * feature.
   */
  readonly margin: readonly number[];
}

/** Options of OFD. */
export interface OfdOptions {
  /** `{ batchNorm: true }` by default; `'none'` if both have the same number of channels. */
  readonly regressor?: Regressor;
  /** Seed of the regressors' initial weights; 0. */
  readonly seed?: number;
}

/**
 * Partial squared error between features before the ReLU: what the teacher's ReLU suppresses is
 * ignored.
 *
 * Σ over positions and channels of (s − t′)² where t′ > 0 or s > t′, t′ = max(t, margin): where the
 * teacher is inactive, any student value below is right too.
 * @param student s, best before the ReLU: [batch, height, width, channels] or [batch, channels],
 * projected to the teacher's channels.
 * @param teacher t, of the same shape. Not differentiated.
 * @param margin One value ≤ 0 for each channel: t′ where the teacher is clearly inactive.
 * @returns [batch], ≥ 0.
 * @throws RangeError for shapes that differ, and for margins of other channels or above 0.
 * Source: Heo et al., "A comprehensive overhaul of feature distillation" (2019), section 3.
 */
export function ofdPerExample(
  student: tf.Tensor,
  teacher: tf.Tensor,
  margin: readonly number[],
): tf.Tensor1D {
  assertMargin(margin);
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
    const difference = tf.sub(student, target);
    const mask = noGrad(() =>
      tf.cast(tf.logicalOr(tf.greater(target, 0), tf.greater(difference, 0)), 'float32'),
    );
    return tf.sum<tf.Tensor1D>(flattenFeatures(tf.mul(tf.square(difference), mask)), 1);
  });
}

/**
 * Overhaul of feature distillation (OFD), mean over the batch; of n pairs, shallowest first, pair i
 * has weight 2^(i − n + 1), the last one 1. The sum over positions is large: usually
 * `weighted(1e-3, ofd([…]))` on CIFAR and 1e-4 on ImageNet; 1e-3 for one pair is MMRazor's OFDLoss.
 *
 * For features after a ReLU, as those of our networks are, the margins have no effect.
 * See also `activationBoundaries`, which transfers only whether a neuron is active, and `hints`.
 */
export function ofd(
  pairs: OfdPair | readonly OfdPair[],
  { regressor = { batchNorm: true }, seed = 0 }: OfdOptions = {},
): LossTerm {
  const list = toPairs<OfdPair>('ofd', pairs);
  for (const { margin } of list) assertMargin(margin);
  return projectedTerm(
    'ofd',
    list,
    createRegressors('ofd', list, regressor, seed),
    (student, teacher, at) => {
      const { margin } = list[at] as OfdPair;
      return tf.mul(
        tf.mean(ofdPerExample(student, teacher, margin)),
        doublingWeight(at, list.length),
      ) as tf.Scalar;
    },
  );
}

function assertMargin(margin: readonly number[]): void {
  const positive = margin.find((value) => !(value <= 0));
  ensure(
    positive === undefined,
    'ofd',
    'margins ≤ 0',
    positive,
    'ofdMargin computes them from a batch norm',
  );
}

/** A channel that is active with a smaller probability has the margin −3 · |scale|. */
const rarelyOn = 0.001;

/**
 * Computes the margins of `ofd` from the teacher's batch norm before the ReLU: the mean of a
 * channel over the positions where it is inactive.
 *
 * E[x | x < 0] of x ~ N(offset, scale²): offset − |scale| · φ(z) / Φ(z), z = −offset / |scale|; −3
 * · |scale| where Φ(z) ≤ 0.001
 * @param scale The batch norm's scale, one value for each channel:
 * `teacher.weights['stage3.block2.bn2.scale'].dataSync()`.
 * @param offset The batch norm's offset.
 * @returns A margin ≤ 0 for each channel.
 * Source: Heo et al., "A comprehensive overhaul of feature distillation" (2019), section 3;
 * `get_margin_from_BN` of its code.
 */
export function ofdMargin(scale: ArrayLike<number>, offset: ArrayLike<number>): number[] {
  ensure(scale.length === offset.length, 'ofdMargin', 'as many scales as offsets', [
    scale.length,
    offset.length,
  ]);
  return Array.from(scale, (signed, channel) => {
    const [mean, std] = [offset[channel] as number, Math.abs(signed)];
    if (std === 0) return Math.min(mean, 0);
    const z = -mean / std;
    const probabilityOff = normalCdf(z);
    return probabilityOff > rarelyOn ? mean - (std * normalPdf(z)) / probabilityOff : -3 * std;
  });
}

function normalPdf(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/**
 * Φ(z) = 1/2 + φ(z) · (z + z³/3 + z⁵/(3·5) + …), which converges everywhere and is exact to 1e-13
 * where it is above `rarelyOn`.
 */
function normalCdf(z: number): number {
  if (Math.abs(z) > 8) return z > 0 ? 1 : 0;
  let [sum, term] = [0, z];
  for (let odd = 3; Math.abs(term) > 1e-17; odd += 2) {
    sum += term;
    term *= (z * z) / odd;
  }
  return 0.5 + normalPdf(z) * sum;
}

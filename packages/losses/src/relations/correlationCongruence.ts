import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameBatch, assertSameChannels } from '../shared/checks.ts';
import { type FeaturePair, featureAt, featureTerm } from '../shared/features.ts';
import { flattenFeatures } from '../shared/geometry.ts';
import { l2Normalize, stopGradient } from '../shared/math.ts';

/** The Gaussian kernel exp(−γ·‖x − y‖²) of vectors of length 1, by its Taylor series. */
export interface TaylorKernel {
  /** γ > 0; 0.4. */
  readonly gamma?: number;
  /** Number of powers of x·y in the series, ≥ 1; 2. */
  readonly order?: number;
}

export interface CorrelationCongruenceOptions {
  /**
   * Selects the paper's form with this kernel; `{}` has its values. RepDistiller's form without it.
   */
  readonly kernel?: TaylorKernel;
}

/**
 * Correlations between the examples of a batch.
 *
 * RepDistiller's form, with which most published numbers were computed: mean_i δ_i·δ_{i+1}, δ =
 * |student − teacher| and i along the batch; it depends on the order of the batch and needs
 * features of one width. The paper's, with `kernel`: mean((C_S − C_T)²) of C_ij = e^−2γ · Σ_p (2γ)ᵖ
 * / p! · (f_i·f_j)ᵖ, f with length 1.
 * @param student [batch, …], any shape, flattened.
 * @param teacher [batch, …]; its width may differ with `kernel`. Not differentiated.
 * @returns One number ≥ 0; 0 in a batch of one.
 * @throws RangeError for widths that differ without `kernel`, for γ ≤ 0 and for an order that is
 * not an integer ≥ 1.
 * Source: Peng et al., "Correlation congruence for knowledge distillation" (2019), section 3.
 * See also `similarityPreserving`, `rkd`.
 */
export function correlationCongruenceBatchwise(
  student: tf.Tensor,
  teacher: tf.Tensor,
  { kernel }: CorrelationCongruenceOptions = {},
): tf.Scalar {
  if (kernel === undefined) return neighborCongruence(student, teacher);
  const { gamma, order } = withDefaults(kernel);
  assertSameBatch('correlationCongruence', student, teacher);
  return tf.tidy(() => {
    const [ours, theirs] = [
      kernelCorrelations(student, gamma, order),
      kernelCorrelations(stopGradient(teacher), gamma, order),
    ];
    return tf.mean<tf.Scalar>(tf.square(tf.sub(ours, theirs)));
  });
}

/**
 * Correlation congruence (CC), sum over the pairs of features; usually `weighted(0.02,
 * correlationCongruence(pairs))` (RepDistiller, with features embedded in 128 channels), and for
 * the paper's form `weighted(100, correlationCongruence(pairs, { kernel: {} }))` (AberHu's zoo).
 */
export function correlationCongruence(
  pairs: FeaturePair | readonly FeaturePair[],
  options: CorrelationCongruenceOptions = {},
): LossTerm {
  if (options.kernel !== undefined) withDefaults(options.kernel);
  return featureTerm('correlationCongruence', pairs, featureAt, (student, teacher) =>
    correlationCongruenceBatchwise(student, teacher, options),
  );
}

function neighborCongruence(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  assertSameBatch('correlationCongruence', student, teacher);
  return tf.tidy(() => {
    const [s, t] = [flattenFeatures(student), flattenFeatures(stopGradient(teacher))];
    assertSameChannels('correlationCongruence', s, t, 'with kernel: {} widths may differ');
    const [batch, width] = s.shape;
    const difference = tf.sub<tf.Tensor2D>(s, t);
    // |x| as x·sign(x), whose gradient is 0 at 0; that of tf.abs is −1.
    const size = tf.mul<tf.Tensor2D>(difference, tf.sign(difference));
    // A batch of one has no neighbors.
    if (batch === 1) return tf.mul(tf.sum(size), 0);
    const products = tf.mul(
      tf.slice(size, [0, 0], [batch - 1, width]),
      tf.slice(size, [1, 0], [batch - 1, width]),
    );
    return tf.div(tf.sum(products), batch - 1);
  });
}

/** Returns [batch, batch], by Horner's rule and without the constant of p = 0, which cancels. */
function kernelCorrelations(feature: tf.Tensor, gamma: number, order: number): tf.Tensor2D {
  const rows = l2Normalize(flattenFeatures(feature));
  const similarity: tf.Tensor2D = tf.matMul(rows, rows, false, true);
  let sum: tf.Tensor2D = tf.zerosLike(similarity);
  for (let p = order; p >= 1; p--)
    sum = tf.mul<tf.Tensor2D>(tf.add(sum, coefficient(gamma, p)), similarity);
  return sum;
}

function coefficient(gamma: number, power: number): number {
  let value = Math.exp(-2 * gamma);
  for (let p = 1; p <= power; p++) value *= (2 * gamma) / p;
  return value;
}

function withDefaults({ gamma = 0.4, order = 2 }: TaylorKernel): Required<TaylorKernel> {
  ensure(
    gamma > 0 && gamma < Infinity,
    'correlationCongruence',
    'gamma > 0',
    gamma,
    '0.4 is usual',
  );
  ensure(
    Number.isInteger(order) && order >= 1,
    'correlationCongruence',
    'an order that is a whole number ≥ 1',
    order,
    '2 is usual',
  );
  return { gamma, order };
}

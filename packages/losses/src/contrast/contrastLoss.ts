import { assertShape, ensure } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { softplus } from '../softplus.ts';

/** What CRD's critic has to know of the draws. */
export interface ContrastLossOptions {
  /** Pictures in the whole set, N. */
  readonly pictures: number;
  /** Added to K/N; 1e-7. */
  readonly epsilon?: number;
}

/**
 * Can the critic tell a picture's own pair from pairs drawn at random? Noise-contrastive estimation
 * over one positive and K negatives.
 *
 * −log(P₀ / (P₀ + K/N + ε)) − Σ_k log((K/N) / (P_k + K/N + ε)), computed from log P throughout.
 * @param logScores [batch, 1 + K], log P; the positive pair stands first. P = exp(cosine /
 * temperature) / Z in `crd`.
 * @param options.pictures N ≥ 1.
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError without a negative, and on N < 1.
 * Source: Tian, Krishnan, Isola, "Contrastive representation distillation" (ICLR 2020), section
 * 3.1; RepDistiller, `ContrastLoss`.
 * See also: `crd`, which makes the scores; `infoNce`.
 */
export function contrastLossPerExample(
  logScores: tf.Tensor2D,
  options: ContrastLossOptions,
): tf.Tensor1D {
  assertShape('contrastLoss', 'log scores [batch, 1 + negatives]', logScores, [null, null]);
  const [batch, candidates] = logScores.shape;
  const negatives = candidates - 1;
  ensure(
    negatives >= 1,
    'contrastLoss',
    'a positive and at least one negative',
    `[${logScores.shape.join(', ')}]`,
  );
  return tf.tidy(() => {
    const positive = tf.reshape<tf.Rank.R1>(tf.slice2d(logScores, [0, 0], [batch, 1]), [batch]);
    return contrast(positive, tf.slice2d(logScores, [0, 1], [batch, negatives]), {
      ...options,
      negatives,
    });
  });
}

/**
 * The same with the positives [batch] apart from the negatives. @param options.drawn [batch,
 * others]: how often each of the others was drawn, `negatives`
 * times in all; once each if left out.
 */
export function contrast(
  positive: tf.Tensor1D,
  others: tf.Tensor2D,
  {
    pictures,
    epsilon = 1e-7,
    negatives,
    drawn,
  }: ContrastLossOptions & { readonly negatives: number; readonly drawn?: tf.Tensor2D },
): tf.Tensor1D {
  ensure(pictures >= 1, 'contrastLoss', 'a set of at least one picture', pictures);
  const expected = negatives / pictures;
  const logNoise = Math.log(expected + epsilon);
  return tf.tidy(() => {
    const found = softplus(tf.sub(logNoise, positive));
    const mistaken = softplus(tf.sub(others, logNoise));
    const toldApart = tf.sum(drawn === undefined ? mistaken : tf.mul(drawn, mistaken), 1);
    return tf.add(
      tf.add(found, toldApart),
      negatives * Math.log1p(epsilon / expected),
    ) as tf.Tensor1D;
  });
}

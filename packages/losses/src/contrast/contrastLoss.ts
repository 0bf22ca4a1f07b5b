import { ensure, expectShape } from '@kd/core';
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
 * Can the critic tell a picture's own pair from pairs drawn at random? Noise-contrastive estimation over one positive and K negatives.
 *
 * −log(P₀ / (P₀ + K/N + ε)) − Σ_k log((K/N) / (P_k + K/N + ε)), computed from log P throughout.
 * @param logScores [batch, 1 + K], log P; the positive pair stands first. P = exp(cosine / temperature) / Z in `crd`.
 * @param options.pictures N ≥ 1.
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError without a negative, and on N < 1.
 * Source: Tian, Krishnan, Isola, "Contrastive representation distillation" (ICLR 2020), equations 18 and 19; RepDistiller, `ContrastLoss`.
 * See also: `crd`, which makes the scores; `infoNce`.
 */
export function contrastLossPerExample(logScores: tf.Tensor2D, { pictures, epsilon = 1e-7 }: ContrastLossOptions): tf.Tensor1D {
  expectShape('contrastLoss', 'log scores [batch, 1 + negatives]', logScores, [null, null]);
  const [batch, candidates] = logScores.shape;
  const negatives = candidates - 1;
  ensure(negatives >= 1, 'contrastLoss', 'a positive and at least one negative', `[${logScores.shape.join(', ')}]`);
  ensure(pictures >= 1, 'contrastLoss', 'a set of at least one picture', pictures);
  const expected = negatives / pictures;
  const logNoise = Math.log(expected + epsilon);
  return tf.tidy(() => {
    const positive = tf.reshape<tf.Rank.R1>(tf.slice2d(logScores, [0, 0], [batch, 1]), [batch]);
    const others = tf.slice2d(logScores, [0, 1], [batch, negatives]);
    const found = softplus(tf.sub(logNoise, positive));
    const toldApart = tf.add(tf.sum(softplus(tf.sub(others, logNoise)), 1), negatives * Math.log1p(epsilon / expected));
    return tf.add(found, toldApart) as tf.Tensor1D;
  });
}

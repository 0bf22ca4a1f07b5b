import { assertShape, ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { type FeatureRef, rowsAt } from '../shared/features.ts';
import { assertOtherClasses, atLabel, softCrossEntropy, withoutLabel } from '../shared/labels.ts';
import { noGrad, stopGradient } from '../shared/math.ts';
import { projector } from '../shared/projector.ts';
import { crossEntropyPerExample } from './crossEntropy.ts';

/**
 * Weights of the three parts, with the values of the ImageNet experiments; for CIFAR-100 the
 * authors use 0.1 for all three.
 */
export interface UskdWeights {
  /** α, the weight of the label: 1. */
  readonly alpha?: number;
  /** β, the weight of the other classes: 0.1. */
  readonly beta?: number;
  /**
   * μ, the weight of the weak classifier's own cross entropy, with labels smoothed by 0.1: 0.005.
   */
  readonly mu?: number;
}

/** Options of USKD, with the feature that its weak classifier is trained on. */
export interface UskdOptions extends UskdWeights {
  /**
   * An inner feature of the student, in the authors' code the last stage but one:
   * `featureRef(student, 'stage2')` of three. The weak classifier is a linear map of it (of maps
   * averaged over their pixels).
   */
  readonly feature: FeatureRef;
  readonly classes: number;
  /** Seed of the weak classifier's initial weights; 0. */
  readonly seed?: number;
}

/**
 * Universal self-knowledge distillation (USKD), which is NKD without a teacher: the soft label is
 * computed from the student's own probability, and the shares of the other classes from their ranks
 * by Zipf's law.
 *
 * −α · mean_i q_i · log p_i,label − β · mean_i Σ_{c ≠ label} z_i,c · log o_i,c + μ · mean_i
 * CE(weak_i, label smoothed by 0.1),
 * p = softmax(logits), q = 1 + p²_label − mean over the batch of p²_label, o = softmax over the
 * other classes, z_i,c ∝ 1 / rank_i,c, where classes are ranked by w_c / (1 − w_label + 1e-6) + s_c
 * / (1 − s_label + 1e-6), w = softmax(weak), s = log p. Neither q nor z is differentiated.
 * It is added to the cross entropy with the label, as in the authors' code. The paper ranks by the
 * probabilities of both; its published code, which this follows, by the student's logarithms.
 * @param studentLogits [batch, classes], before softmax.
 * @param weakLogits [batch, classes], before softmax, of a classifier on an inner feature.
 * Differentiated by the last part only.
 * @param labels int32 [batch].
 * @returns One number for the batch, nats.
 * @throws RangeError for shapes that do not match, fewer than 2 classes and weights that are not
 * finite.
 * Source: Yang, Zeng, Li, Zhang, Yuan, Li, "From knowledge distillation to self-knowledge
 * distillation" (ICCV 2023); yzd-v/cls_KD, `USKDLoss`.
 * See also `nkd`, `virtualTeacher`.
 */
export function uskdBatchwise(
  studentLogits: tf.Tensor2D,
  weakLogits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { alpha = 1, beta = 0.1, mu = 0.005 }: UskdWeights = {},
): tf.Scalar {
  assertWeights(alpha, beta, mu);
  assertOtherClasses('uskd', studentLogits, labels);
  assertShape('uskd', 'weak logits', weakLogits, studentLogits.shape);
  return tf.tidy(() => {
    const logStudent = tf.logSoftmax(studentLogits);
    const onLabel = tf.mean(tf.mul(softLabel(studentLogits, labels), atLabel(logStudent, labels)));
    const shares = withoutLabel(zipfShares(studentLogits, weakLogits, labels), labels);
    const others = softCrossEntropy(
      withoutLabel(studentLogits, labels),
      tf.div(shares, tf.sum(shares, 1, true)),
    );
    const weak = crossEntropyPerExample(weakLogits, labels, { smoothing: 0.1 });
    return tf.addN([
      tf.mul(onLabel, -alpha),
      tf.mul(tf.mean(others), beta),
      tf.mul(tf.mean(weak), mu),
    ]) as tf.Scalar;
  });
}

/**
 * USKD of the batch, with a weak classifier of its own (`weak.0.kernel`, `weak.0.bias`), beside
 * `crossEntropy()`; it needs no teacher.
 */
export function uskd({ feature, classes, seed = 0, ...weights }: UskdOptions): LossTerm {
  const { alpha = 1, beta = 0.1, mu = 0.005 } = weights;
  assertWeights(alpha, beta, mu);
  const weak = projector([{ from: feature.channels, to: classes, bias: true }], {
    name: 'weak',
    seed,
  });
  const term: LossTerm = ({ student, labels }) =>
    tf.tidy(() =>
      uskdBatchwise(student.logits, weak.apply(rowsAt('uskd', student, feature)), labels, {
        alpha,
        beta,
        mu,
      }),
    );
  return Object.assign(term, { weights: weak.weights, needsLabels: true });
}

/** The soft label q, [batch]. */
function softLabel(studentLogits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor {
  const squared = tf.square(atLabel(tf.softmax(stopGradient(studentLogits)), labels));
  return tf.add(1, tf.sub(squared, tf.mean(squared)));
}

/** Returns 1 / rank of every class, [batch, classes]. */
function zipfShares(
  studentLogits: tf.Tensor2D,
  weakLogits: tf.Tensor2D,
  labels: tf.Tensor1D,
): tf.Tensor2D {
  const byStudent = againstLabel(tf.logSoftmax(stopGradient(studentLogits)), labels);
  const byWeak = againstLabel(tf.softmax(stopGradient(weakLogits)), labels);
  return noGrad(() => {
    const scores = tf.add<tf.Tensor2D>(byWeak, byStudent);
    const classes = scores.shape[1];
    const byScore = tf.topk(scores, classes).indices;
    // The rank of each class is the inverse permutation: the order of the order.
    const ranks = tf.topk(tf.neg(tf.cast(byScore, 'float32')), classes).indices;
    return tf.div(1, tf.add(tf.cast(ranks, 'float32'), 1));
  });
}

function againstLabel(values: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor {
  return tf.div(values, tf.expandDims(tf.add(tf.sub(1, atLabel(values, labels)), 1e-6), 1));
}

function assertWeights(...weights: readonly number[]): void {
  ensure(weights.every(Number.isFinite), 'uskd', 'finite alpha, beta and mu', weights);
}

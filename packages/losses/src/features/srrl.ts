import { assertSameShape, ensure, type LossTerm, type Network } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { requireTeacher } from '../shared/checks.ts';
import { type FeaturePair, featureAt, rowsAt } from '../shared/features.ts';
import { meanSquaredError } from '../shared/geometry.ts';
import { stopGradient } from '../shared/math.ts';
import { collectWeights, createRegressors, type Regressor } from '../shared/projector.ts';

/** The linear layer that computes a network's logits from its last features. */
export interface ClassifierHead {
  /** [channels, classes]. */
  readonly kernel: tf.Tensor;
  /** [classes]. */
  readonly bias?: tf.Tensor;
  /** Factor of the logits, for networks that scale them; 1. `resnet9` of @kd/models has 0.2. */
  readonly scale?: number;
}

/**
 * Returns a network's classifier by the name of its layer: `classifierHead(teacher)` for our
 * networks, and `{ ...classifierHead(teacher), scale: 0.2 }` for a `resnet9`. The tensors stay the
 * network's own.
 * @throws RangeError if the network has no such weights.
 */
export function classifierHead(
  { name: of = 'the network', weights }: Pick<Network, 'name' | 'weights'>,
  layer = 'fc',
): ClassifierHead {
  const [kernel, bias] = [weights[`${layer}.kernel`], weights[`${layer}.bias`]];
  const names = Object.keys(weights).slice(-2).join(', ');
  ensure(
    kernel?.rank === 2,
    'classifierHead',
    `${layer}.kernel [channels, classes] among the weights of ${of}`,
    `weights that end in ${names}`,
  );
  return bias === undefined ? { kernel } : { kernel, bias };
}

/** Applies a teacher's classifier, which is not trained, to vectors. */
export function classifierLogits(
  caller: string,
  rows: tf.Tensor2D,
  { kernel, bias, scale = 1 }: ClassifierHead,
): tf.Tensor2D {
  ensure(
    kernel.rank === 2 && kernel.shape[0] === rows.shape[1],
    caller,
    `a classifier [${rows.shape[1]}, classes]`,
    kernel.shape,
  );
  const product: tf.Tensor2D = tf.matMul(rows, stopGradient(kernel as tf.Tensor2D));
  const logits = bias === undefined ? product : tf.add<tf.Tensor2D>(product, stopGradient(bias));
  return scale === 1 ? logits : tf.mul<tf.Tensor2D>(logits, scale);
}

/** Weights of SRRL's two parts. */
export interface SrrlWeights {
  /** Weight of the feature error; 1. */
  readonly alpha?: number;
  /** Weight of the logit error; 1. */
  readonly beta?: number;
}

export interface SrrlOptions extends SrrlWeights {
  /**
   * `{ batchNorm: true, relu: true }` by default; `'none'` if both have the same number of
   * channels.
   */
  readonly regressor?: Regressor;
  /** Seed of the regressor's initial weights; 0. */
  readonly seed?: number;
}

/**
 * Squared error between a student's last features and a teacher's, plus the squared error between
 * the logits that the teacher's classifier computes from them.
 *
 * α · mean over channels of (s − t)² + β · mean over classes of (W s − W t)²
 * @param student s, [batch, channels]: means over the maps, projected to the teacher's channels.
 * @param teacher t, [batch, channels]. Neither it nor the classifier is differentiated.
 * @param classifier W and its bias, the teacher's.
 * @returns [batch], ≥ 0.
 * @throws RangeError for shapes that do not match.
 * Source: Yang et al., "Knowledge distillation via softmax regression representation learning"
 * (2021), section 3, with the squared error of logits.
 */
export function srrlPerExample(
  student: tf.Tensor2D,
  teacher: tf.Tensor2D,
  classifier: ClassifierHead,
  { alpha = 1, beta = 1 }: SrrlWeights = {},
): tf.Tensor1D {
  assertSameShape('srrl', 'student features', student, 'teacher features', teacher);
  return tf.tidy(() => {
    const target = stopGradient(teacher);
    const features = meanSquaredError('srrl', student, target);
    const logits = meanSquaredError(
      'srrl',
      classifierLogits('srrl', student, classifier),
      classifierLogits('srrl', target, classifier),
    );
    return tf.add<tf.Tensor1D>(tf.mul(features, alpha), tf.mul(logits, beta));
  });
}

/**
 * Softmax regression representation learning (SRRL), mean over the batch, on the features before
 * both classifiers. Usually with weight 1 (cls_KD has beta 5 on CIFAR-100): `srrl({ student:
 * featureRef(student, 'stage3'), teacher: featureRef(teacher, 'stage3') },
 * classifierHead(teacher))`.
 *
 * For maps the regressor is applied at every position before they are averaged (the authors' code);
 * for vectors, such as `pooled`, it is applied to the means (SimKD's repository). Its weights are
 * `pair0.0`.
 * See also `simKd`, which reuses the teacher's classifier for the student.
 */
export function srrl(
  pair: FeaturePair,
  classifier: ClassifierHead,
  options: SrrlOptions = {},
): LossTerm {
  const { regressor = { batchNorm: true, relu: true }, seed = 0, ...weights } = options;
  const regressors = createRegressors('srrl', [pair], regressor, seed);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const feature = featureAt('srrl', step.student, pair.student);
      const regressed = regressors.reduce((x, { apply }) => apply(x), feature);
      const student = rowsAt('srrl', { ...step.student, features: { regressed } }, 'regressed');
      const teacher = rowsAt('srrl', requireTeacher('srrl', step), pair.teacher);
      return tf.mean(srrlPerExample(student, teacher, classifier, weights)) as tf.Scalar;
    });
  return Object.assign(term, { needsTeacher: true, weights: collectWeights(regressors) });
}

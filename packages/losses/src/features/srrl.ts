import { assertSameShape, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from '../checks.ts';
import { stopGradient } from '../detached.ts';
import { type FeaturePair, featureAt, rowsAt } from '../taps.ts';
import { meanSquares } from './alike.ts';
import { type ClassifierHead, classified } from './classifier.ts';
import { weightsOf } from './projector.ts';
import { type Regressor, regressorsOf } from './regressors.ts';

/** What counts how much. */
export interface SrrlWeights {
  /** Of the features; 1. */
  readonly alpha?: number;
  /** Of the logits; 1. */
  readonly beta?: number;
}

export interface SrrlOptions extends SrrlWeights {
  /** `{ batchNorm: true, relu: true }`; `'none'` where both have as many channels. */
  readonly regressor?: Regressor;
  /** The connector's first weights are drawn from it; 0. */
  readonly seed?: number;
}

/**
 * How far a student's last features are from a teacher's, and what the teacher's classifier says of
 * them from what it says of the teacher's.
 *
 * α · mean over channels of (s − t)² + β · mean over classes of (W s − W t)²
 * @param student s, [batch, channels]: means over the maps, connected to the teacher's channels.
 * @param teacher t, [batch, channels]. Neither it nor the classifier is differentiated.
 * @param classifier W and its bias, the teacher's.
 * @returns [batch], ≥ 0.
 * @throws RangeError on shapes that do not fit.
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
    const features = meanSquares('srrl', student, target);
    const logits = meanSquares(
      'srrl',
      classified('srrl', student, classifier),
      classified('srrl', target, classifier),
    );
    return tf.add<tf.Tensor1D>(tf.mul(features, alpha), tf.mul(logits, beta));
  });
}

/**
 * Softmax regression representation learning (SRRL), mean over the batch, at the taps before both
 * classifiers.
 * Usually with weight 1 (cls_KD has beta 5 on CIFAR-100): `srrl({ student: featureRef(student,
 * 'stage3'), teacher: featureRef(teacher, 'stage3') }, classifierHead(teacher))`.
 *
 * At maps the connector works at every place, and the means over them are compared (the authors');
 * at rows, such as `pooled`, it works on the means (SimKD's
 * repository). The connector is `pair0.0`.
 * See also `simKd`, which keeps the teacher's classifier for the student.
 */
export function srrl(
  pair: FeaturePair,
  classifier: ClassifierHead,
  options: SrrlOptions = {},
): LossTerm {
  const { regressor = { batchNorm: true, relu: true }, seed = 0, ...weights } = options;
  const connectors = regressorsOf('srrl', [pair], regressor, seed);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const feature = featureAt('srrl', step.student, pair.student);
      const connected = connectors.reduce((x, { apply }) => apply(x), feature);
      const student = rowsAt('srrl', { ...step.student, features: { connected } }, 'connected');
      const teacher = rowsAt('srrl', teacherOf('srrl', step), pair.teacher);
      return tf.mean(srrlPerExample(student, teacher, classifier, weights)) as tf.Scalar;
    });
  return Object.assign(term, { needsTeacher: true, weights: weightsOf(connectors) });
}

import { ensure, expectedError, type LossTerm, type Outputs } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameLogits, assertTemperature, requireTeacher } from '../shared/checks.ts';
import { featureAt } from '../shared/features.ts';
import { noGrad, stopGradient } from '../shared/math.ts';
import { standardizeLogits } from './logitStandardization.ts';
import { batchCorrelationBatchwise, classCorrelationBatchwise } from './probabilityCorrelation.ts';
import { softTargetsPerExample } from './softTargets.ts';

const defaultTemperatures = [4, 3, 5, 2, 6];

/** Options of multi-level logit distillation, with the values of its experiments. */
export interface MlkdOptions {
  /** T > 0 of each level: 4, 3, 5, 2, 6. Their order matters for `strongAt` only. */
  readonly temperatures?: readonly number[];
  /**
   * The temperatures at which the strongly augmented view is compared: the first three, with the
   * weak view in its place at all others, as in the published code (the default); or all, as in the
   * paper.
   */
  readonly strongAt?: 'first three' | 'all';
  /**
   * Whether soft targets are computed on standardized logits, as in the paper of logit
   * standardization; the correlations never are. false.
   */
  readonly standardized?: boolean;
}

/**
 * Logits of student and teacher for one augmented view of the images, [batch, classes], before
 * softmax.
 */
export interface ViewLogits {
  readonly student: tf.Tensor2D;
  /** Not differentiated. */
  readonly teacher: tf.Tensor2D;
}

/** The parts, each one number for the batch. */
export interface MlkdParts {
  /** Soft targets, averaged over the examples. */
  readonly instance: tf.Scalar;
  /** Batch correlation. */
  readonly batch: tf.Scalar;
  /** Class correlation. */
  readonly classes: tf.Scalar;
}

/**
 * Soft targets, batch correlation and class correlation at several temperatures, weighted by the
 * share of uncertain predictions of the teacher.
 *
 * instance = Σ_T m · KD_T(weak) + Σ_T KD_T(strong, or weak: see `strongAt`), batch = Σ_T m ·
 * BC_T(weak), classes = Σ_T m_c · CC_T(weak): m is the share of the examples whose teacher's
 * confidence in the weak view is at most the median, m_c that of the classes whose summed
 * probability is.
 *
 * This follows the published code. The paper masks example by example and class by class and
 * compares the correlations of both views; the code multiplies means by the share, which is always
 * about ½, and compares the correlations of the weak view.
 * @param weak A weakly augmented view.
 * @param strong A strongly augmented view of the same images; without it its sum is omitted.
 * @throws RangeError for shapes that differ, no temperatures and a temperature ≤ 0.
 * Source: Jin, Wang, Lin, "Multi-level logit distillation" (CVPR 2023);
 * Jin-Ying/Multi-Level-Logit-Distillation, and MLKD.py of sunshangquan/logit-standardization-KD.
 */
export function mlkdParts(
  weak: ViewLogits,
  strong: ViewLogits | undefined,
  {
    temperatures = defaultTemperatures,
    strongAt = 'first three',
    standardized = false,
  }: MlkdOptions = {},
): MlkdParts {
  assertTemperatures(temperatures);
  for (const { student, teacher } of strong === undefined ? [weak] : [weak, strong])
    assertSameLogits('mlkd', student, teacher);
  const until = strongCount(strongAt);
  return tf.tidy(() => {
    const sum = (compute: (temperature: number) => tf.Scalar): tf.Scalar =>
      tf.addN(temperatures.map(compute));
    const confidences = tf.softmax(stopGradient(weak.teacher));
    const exampleShare = shareUpToMedian(tf.max(confidences, 1));
    const classShare = shareUpToMedian(tf.sum(confidences, 0));
    const soft = (view: ViewLogits): ((temperature: number) => tf.Scalar) =>
      softTargetsAt(standardized ? standardize(view) : view);
    const softWeak = temperatures.map(soft(weak));
    const softStrong =
      strong === undefined
        ? []
        : temperatures.slice(0, until).map(soft(strong)).concat(softWeak.slice(until));
    return {
      instance: tf.addN([tf.mul<tf.Scalar>(tf.addN(softWeak), exampleShare), ...softStrong]),
      batch: tf.mul<tf.Scalar>(
        sum((temperature) =>
          batchCorrelationBatchwise(weak.student, weak.teacher, { temperature }),
        ),
        exampleShare,
      ),
      classes: tf.mul<tf.Scalar>(
        sum((temperature) =>
          classCorrelationBatchwise(weak.student, weak.teacher, { temperature }),
        ),
        classShare,
      ),
    };
  });
}

/**
 * Multi-level logit distillation (MLKD): the sum of `mlkdParts`. Usually `weighted(0.9, mlkd())`
 * beside `weighted(0.1, crossEntropy())`; 9 in place of 0.9 with `standardized: true`.
 * @param options.strong Name of the feature, of student and teacher, that contains the logits of a
 * strongly augmented view; the step's own logits are then those of the weak one. Without it there
 * is one view, and the sum of the strong one is omitted.
 */
export function mlkd({
  strong,
  ...options
}: MlkdOptions & { readonly strong?: string } = {}): LossTerm {
  if (options.temperatures !== undefined) assertTemperatures(options.temperatures);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const teacher = requireTeacher('mlkd', step);
      const first = { student: step.student.logits, teacher: teacher.logits };
      const second =
        strong === undefined
          ? undefined
          : { student: logitsAt(step.student, strong), teacher: logitsAt(teacher, strong) };
      const { instance, batch, classes } = mlkdParts(first, second, options);
      return tf.addN([instance, batch, classes]);
    });
  return Object.assign(term, { needsTeacher: true });
}

function logitsAt(outputs: Outputs, name: string): tf.Tensor2D {
  return featureAt('mlkd', outputs, name) as tf.Tensor2D;
}

function strongCount(strongAt: 'first three' | 'all'): number {
  switch (strongAt) {
    case 'first three':
      return 3;
    case 'all':
      return Infinity;
    default:
      throw expectedError('mlkd', "strongAt 'first three' or 'all'", strongAt satisfies never);
  }
}

function softTargetsAt({ student, teacher }: ViewLogits): (temperature: number) => tf.Scalar {
  return (temperature) => tf.mean(softTargetsPerExample(student, teacher, { temperature }));
}

function standardize({ student, teacher }: ViewLogits): ViewLogits {
  return { student: standardizeLogits(student), teacher: standardizeLogits(teacher) };
}

/**
 * Returns the share of the values that are at most their median, which is the mean of the middle
 * two of an even number.
 */
function shareUpToMedian(values: tf.Tensor1D): tf.Scalar {
  const count = values.shape[0];
  const isUpTo = noGrad(() => {
    const ordered = tf.topk(values, count).values;
    const middle = tf.add(tf.slice(ordered, (count - 1) >> 1, 1), tf.slice(ordered, count >> 1, 1));
    return tf.cast(tf.lessEqual(values, tf.div(middle, 2)), 'float32');
  });
  return tf.mean(isUpTo);
}

function assertTemperatures(temperatures: readonly number[]): void {
  ensure(
    temperatures.length > 0,
    'mlkd',
    'at least one temperature',
    'none',
    `[${defaultTemperatures.join(', ')}] are usual`,
  );
  for (const temperature of temperatures) assertTemperature('mlkd', temperature);
}

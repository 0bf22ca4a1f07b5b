import { assertShape, ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { requireTeacher } from '../shared/checks.ts';
import { center, safeSqrt } from '../shared/math.ts';

/** Options of the standardization. */
export interface LogitStandardizationOptions {
  /**
   * Divisor of the standard deviation: `sample`, C − 1, as in the published code (the default);
   * `population`, C, as in the paper's algorithm 1.
   */
  readonly std?: 'sample' | 'population';
  /**
   * Added to the standard deviation, > 0; 1e-7. The gradient of a constant row has the size of its
   * inverse.
   */
  readonly epsilon?: number;
}

/**
 * Standardizes rows of logits to mean 0 and standard deviation 1, which removes their scale and
 * offset.
 *
 * (z − mean(z)) / (std(z) + ε)
 * @param logits [batch, classes], at least 2 classes.
 * @returns [batch, classes]; constant rows become 0.
 * @throws RangeError for fewer than 2 classes and an epsilon ≤ 0.
 * Source: Sun, Ren, Li, Wang, Cao, "Logit standardization in knowledge distillation" (CVPR 2024),
 * algorithm 1.
 */
export function standardizeLogits(
  logits: tf.Tensor2D,
  { std: divisor = 'sample', epsilon = 1e-7 }: LogitStandardizationOptions = {},
): tf.Tensor2D {
  assertEpsilon(epsilon);
  assertShape('logitStandardization', 'logits [batch, classes]', logits, [null, null]);
  const classes = logits.shape[1];
  ensure(classes > 1, 'logitStandardization', 'at least 2 classes', classes);
  return tf.tidy(() => {
    const centered = center(logits, 1);
    const std = safeSqrt(
      tf.div(tf.sum(tf.square(centered), 1, true), classes - lostDegrees(divisor)),
    );
    return tf.div<tf.Tensor2D>(centered, tf.add(std, epsilon));
  });
}

/**
 * Computes a term on standardized logits of student and teacher: the student learns their order and
 * proportions, not their scale.
 *
 * Usually `weighted(9, logitStandardization(softTargets({ temperature: 2 })))` beside
 * `weighted(0.1, crossEntropy())`; `weighted(9, logitStandardization(dkd({ temperature: 2 })))`
 * beside `crossEntropy()`, as it multiplies α and β by 9. The value does not change if a row z of
 * either is replaced by a · z + b, a > 0.
 * @param term A term of logits: `softTargets`, `dkd`, `nkd` …. It keeps its weights and schedules.
 * Not meant for the cross entropy with the labels.
 * @throws RangeError for an epsilon ≤ 0.
 * Source: as `standardizeLogits`.
 * See also `dist`, which has another invariance.
 */
export function logitStandardization(
  term: LossTerm,
  options: LogitStandardizationOptions = {},
): LossTerm {
  assertEpsilon(options.epsilon ?? 1e-7);
  lostDegrees(options.std ?? 'sample');
  const standardized: LossTerm = (step) =>
    tf.tidy(() => {
      const teacher = requireTeacher('logitStandardization', step);
      return term({
        ...step,
        student: { ...step.student, logits: standardizeLogits(step.student.logits, options) },
        teacher: { ...teacher, logits: standardizeLogits(teacher.logits, options) },
      });
    });
  const { schedules = {}, needsIndices = false, needsLabels = false, weights } = term;
  return Object.assign(standardized, {
    schedules,
    needsTeacher: true,
    needsIndices,
    needsLabels,
    ...(weights && { weights }),
  });
}

/** The number by which the divisor of the standard deviation is less than the number of classes. */
function lostDegrees(divisor: 'sample' | 'population'): number {
  switch (divisor) {
    case 'sample':
      return 1;
    case 'population':
      return 0;
    default:
      throw expectedError(
        'logitStandardization',
        "std 'sample' or 'population'",
        divisor satisfies never,
      );
  }
}

function assertEpsilon(epsilon: number): void {
  ensure(
    epsilon > 0 && epsilon < Infinity,
    'logitStandardization',
    'epsilon > 0',
    epsilon,
    '1e-7 is usual',
  );
}

import { assertShape, ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { requireTeacher } from '../shared/checks.ts';
import { center, safeSqrt } from '../shared/math.ts';

/** How rows are standardized. */
export interface LogitStandardizationOptions {
  /**
   * `sample`, over C − 1, as the published code (the default); `population`, over C, as the paper's
   * algorithm 1 writes it.
   */
  readonly deviation?: 'sample' | 'population';
  /**
   * Added to the deviation, > 0; 1e-7. The gradient of a row that is constant has the size of its
   * inverse.
   */
  readonly epsilon?: number;
}

/**
 * Rows at mean 0 and deviation 1: what of logits is left when neither their size nor an offset
 * counts.
 *
 * (z − mean(z)) / (std(z) + ε)
 * @param logits [batch, classes], at least 2 classes.
 * @returns [batch, classes]; constant rows become 0.
 * @throws RangeError on fewer than 2 classes and an epsilon ≤ 0.
 * Source: Sun, Ren, Li, Wang, Cao, "Logit standardization in knowledge distillation" (CVPR 2024),
 * algorithm 1.
 */
export function standardizeLogits(
  logits: tf.Tensor2D,
  { deviation = 'sample', epsilon = 1e-7 }: LogitStandardizationOptions = {},
): tf.Tensor2D {
  assertEpsilon(epsilon);
  assertShape('logitStandardization', 'logits [batch, classes]', logits, [null, null]);
  const classes = logits.shape[1];
  ensure(classes > 1, 'logitStandardization', 'at least 2 classes', classes);
  return tf.tidy(() => {
    const centered = center(logits, 1);
    const std = safeSqrt(
      tf.div(tf.sum(tf.square(centered), 1, true), classes - degreesLost(deviation)),
    );
    return tf.div<tf.Tensor2D>(centered, tf.add(std, epsilon));
  });
}

/**
 * A term that sees standardized logits, the student's and the teacher's: the student is to learn
 * the order and the proportions, not the size.
 *
 * Usually `weighted(9, logitStandardization(softTargets({ temperature: 2 })))` beside
 * `weighted(0.1, crossEntropy())`; `weighted(9, logitStandardization(dkd({ temperature: 2 })))`
 * beside `crossEntropy()`, for it multiplies α and β by 9.
 * The value does not change when a · z + b, a > 0, takes the place of z in any row of either.
 * @param term A term of logits: `softTargets`, `dkd`, `nkd` …. It keeps its weights and numbers.
 * Not for the labels' own cross entropy.
 * @throws RangeError on an epsilon ≤ 0.
 * Source: as `standardizeLogits`.
 * See also `dist`, which is invariant in another way.
 */
export function logitStandardization(
  term: LossTerm,
  options: LogitStandardizationOptions = {},
): LossTerm {
  assertEpsilon(options.epsilon ?? 1e-7);
  degreesLost(options.deviation ?? 'sample');
  const standardized: LossTerm = (step) =>
    tf.tidy(() => {
      const teacher = requireTeacher('logitStandardization', step);
      return term({
        ...step,
        student: { ...step.student, logits: standardizeLogits(step.student.logits, options) },
        teacher: { ...teacher, logits: standardizeLogits(teacher.logits, options) },
      });
    });
  const { schedules = {}, needsIndices = false, weights } = term;
  return Object.assign(standardized, {
    schedules,
    needsTeacher: true,
    needsIndices,
    ...(weights && { weights }),
  });
}

/** What a deviation divides by less than the classes. */
function degreesLost(deviation: 'sample' | 'population'): number {
  switch (deviation) {
    case 'sample':
      return 1;
    case 'population':
      return 0;
    default:
      throw expectedError(
        'logitStandardization',
        "deviation 'sample' or 'population'",
        deviation satisfies never,
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

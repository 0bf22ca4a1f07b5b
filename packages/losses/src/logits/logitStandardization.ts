import { assertShape, ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from '../checks.ts';
import { safeSqrt } from '../safeSqrt.ts';

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
  expectEpsilon(epsilon);
  assertShape('logitStandardization', 'logits [batch, classes]', logits, [null, null]);
  const classes = logits.shape[1];
  ensure(classes > 1, 'logitStandardization', 'at least 2 classes', classes);
  return tf.tidy(() => {
    const centred = tf.sub(logits, tf.mean(logits, 1, true));
    const std = safeSqrt(tf.div(tf.sum(tf.square(centred), 1, true), classes - missing(deviation)));
    return tf.div<tf.Tensor2D>(centred, tf.add(std, epsilon));
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
  expectEpsilon(options.epsilon ?? 1e-7);
  missing(options.deviation ?? 'sample');
  const standardized: LossTerm = (step) =>
    tf.tidy(() => {
      const teacher = teacherOf('logitStandardization', step);
      return term({
        ...step,
        student: { ...step.student, logits: standardizeLogits(step.student.logits, options) },
        teacher: { ...teacher, logits: standardizeLogits(teacher.logits, options) },
      });
    });
  const { schedules: numbers = {}, needsIndices: needsRows = false, weights } = term;
  return Object.assign(standardized, {
    numbers,
    needsTeacher: true,
    needsRows,
    ...(weights && { weights }),
  });
}

/** What a deviation divides by less than the classes. */
function missing(deviation: 'sample' | 'population'): number {
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

function expectEpsilon(epsilon: number): void {
  ensure(
    epsilon > 0 && epsilon < Infinity,
    'logitStandardization',
    'epsilon > 0',
    epsilon,
    '1e-7 is usual',
  );
}

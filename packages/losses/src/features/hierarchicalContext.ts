import { assertSameShape, ensure } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../detached.ts';
import { averagedTo } from '../resize.ts';
import { meanSquares } from './alike.ts';

/**
 * How far a student's maps are from a teacher's, at several scales.
 *
 * (d₀ + d₁/2 + d₂/4 + …) / (1 + 1/2 + 1/4 + …), d₀ the mean square of the difference and dᵢ that of
 * the maps averaged to l × l, l from `levels`
 * @param student [batch, height, width, channels].
 * @param teacher The same. Not differentiated.
 * @param options.levels Descending sides; 4, 2, 1. Those that are not smaller than the height are
 * left out.
 * @returns [batch], ≥ 0.
 * @throws RangeError on shapes that differ and on levels that are no whole numbers ≥ 1.
 * Source: Chen et al., "Distilling knowledge via knowledge review" (2021), section 3 (HCL).
 */
export function hierarchicalContextPerExample(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
  { levels = [4, 2, 1] }: { readonly levels?: readonly number[] } = {},
): tf.Tensor1D {
  expectLevels(levels);
  assertSameShape('review', 'student maps', student, 'teacher maps', teacher);
  return tf.tidy(() => {
    const target = stopGradient(teacher);
    const sides = levels.filter((side) => side < student.shape[1]);
    const whole = meanSquares('review', student, target);
    const parts = sides.map((side, at) => {
      const distance = meanSquares(
        'review',
        averagedTo(student, [side, side]),
        averagedTo(target, [side, side]),
      );
      return tf.mul<tf.Tensor1D>(distance, 2 ** -(at + 1));
    });
    return tf.div<tf.Tensor1D>(tf.addN([whole, ...parts]), 2 - 2 ** -sides.length);
  });
}

export function expectLevels(levels: readonly number[]): void {
  ensure(
    levels.every((side) => Number.isInteger(side) && side >= 1),
    'review',
    'levels as whole numbers ≥ 1',
    levels,
    '[4, 2, 1] is usual',
  );
}

import { assertSameShape, ensure } from '@kd/core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { flat } from '../flat.ts';
import { atSmallerSize } from '../resize.ts';

/**
 * Rows as they are; maps at the smaller of both sizes, by averages over exact bins. @throws
 * RangeError where one has rows and the other maps.
 */
export function alike(
  caller: string,
  student: Tensor,
  teacher: Tensor,
): readonly [student: Tensor, teacher: Tensor] {
  const shapes = `[${student.shape.join(', ')}] and [${teacher.shape.join(', ')}]`;
  const fit =
    student.rank === teacher.rank &&
    (student.rank === 2 || student.rank === 4) &&
    student.shape[0] === teacher.shape[0];
  ensure(fit, caller, 'maps, or rows, of both for the same pictures', shapes);
  return student.rank === 2
    ? [student, teacher]
    : atSmallerSize(student as Tensor4D, teacher as Tensor4D);
}

/** mean over all of an example's features of (student − teacher)². @returns [batch], ≥ 0. */
export function meanSquares(caller: string, student: Tensor, teacher: Tensor): tf.Tensor1D {
  return tf.mean<tf.Tensor1D>(squares(caller, student, teacher), 1);
}

/** Σ over all of an example's features of (student − teacher)². @returns [batch], ≥ 0. */
export function sumOfSquares(caller: string, student: Tensor, teacher: Tensor): tf.Tensor1D {
  return tf.sum<tf.Tensor1D>(squares(caller, student, teacher), 1);
}

function squares(caller: string, student: Tensor, teacher: Tensor): tf.Tensor2D {
  assertSameShape(caller, 'student features', student, 'teacher features', teacher);
  return flat(tf.square(tf.sub(student, teacher)));
}

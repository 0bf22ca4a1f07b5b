import { ensure, expectSameShape, expectShape, type Outputs, type Step, unexpected } from '@kd/core';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

/** Labels fit logits by shape and type. Their range is not looked at: that would read back inside a training step. */
export function expectLabelled(where: string, logits: Tensor2D, labels: Tensor1D): void {
  expectShape(where, 'logits [batch, classes]', logits, [null, null]);
  expectShape(where, `labels [batch] for logits [${logits.shape.join(', ')}]`, labels, [logits.shape[0]]);
  ensure(labels.dtype === 'int32', where, 'labels of type int32', labels.dtype, 'they are class numbers from 0, not one-hot rows');
}

/** Student and teacher speak of the same pictures and the same classes. */
export function expectComparable(where: string, studentLogits: Tensor2D, teacherLogits: Tensor2D): void {
  expectShape(where, 'student logits [batch, classes]', studentLogits, [null, null]);
  expectSameShape(where, 'student logits', studentLogits, 'teacher logits', teacherLogits);
}

/** A temperature given as a number. */
export function expectTemperature(where: string, temperature: number): void {
  ensure(temperature > 0 && temperature < Infinity, where, 'temperature > 0', temperature, '4 is usual');
}

/** What the teacher says in this step. @throws RangeError where there is no teacher. */
export function teacherOf(where: string, step: Step): Outputs {
  if (step.teacher === undefined) throw unexpected(where, 'a teacher in the step', undefined, 'train with a teacher or take this term out');
  return step.teacher;
}

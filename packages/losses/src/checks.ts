import {
  assertSameShape,
  assertShape,
  ensure,
  expectedError,
  type LossInputs,
  type Outputs,
} from '@kd/core';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

/**
 * Labels fit logits by shape and type. Their range is not looked at: that would read back inside a
 * training step.
 */
export function expectLabelled(caller: string, logits: Tensor2D, labels: Tensor1D): void {
  assertShape(caller, 'logits [batch, classes]', logits, [null, null]);
  assertShape(caller, `labels [batch] for logits [${logits.shape.join(', ')}]`, labels, [
    logits.shape[0],
  ]);
  ensure(
    labels.dtype === 'int32',
    caller,
    'labels of type int32',
    labels.dtype,
    'they are class numbers from 0, not one-hot rows',
  );
}

/** Student and teacher speak of the same pictures and the same classes. */
export function expectComparable(
  caller: string,
  studentLogits: Tensor2D,
  teacherLogits: Tensor2D,
): void {
  assertShape(caller, 'student logits [batch, classes]', studentLogits, [null, null]);
  assertSameShape(caller, 'student logits', studentLogits, 'teacher logits', teacherLogits);
}

/** A temperature given as a number. */
export function expectTemperature(caller: string, temperature: number): void {
  ensure(
    temperature > 0 && temperature < Infinity,
    caller,
    'temperature > 0',
    temperature,
    '4 is usual',
  );
}

/** What the teacher says in this step. @throws RangeError where there is no teacher. */
export function teacherOf(caller: string, step: LossInputs): Outputs {
  if (step.teacher === undefined)
    throw expectedError(
      caller,
      'a teacher in the step',
      undefined,
      'train with a teacher or take this term out',
    );
  return step.teacher;
}

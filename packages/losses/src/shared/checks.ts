import {
  assertSameShape,
  assertShape,
  ensure,
  expectedError,
  type LossInputs,
  type Outputs,
} from '@kd/core';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

/**
 * Checks that labels match logits in shape and type. Their range is not checked: that would read
 * values back within a training step.
 */
export function assertLabels(caller: string, logits: Tensor2D, labels: Tensor1D): void {
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

/** Checks that both logits are of the same images and classes. */
export function assertSameLogits(
  caller: string,
  studentLogits: Tensor2D,
  teacherLogits: Tensor2D,
): void {
  assertShape(caller, 'student logits [batch, classes]', studentLogits, [null, null]);
  assertSameShape(caller, 'student logits', studentLogits, 'teacher logits', teacherLogits);
}

/** Checks a temperature that is a plain number. */
export function assertTemperature(caller: string, temperature: number): void {
  ensure(
    temperature > 0 && temperature < Infinity,
    caller,
    'temperature > 0',
    temperature,
    '4 is usual',
  );
}

/**
 * Returns the teacher's outputs of a step.
 * @throws RangeError if the step has no teacher.
 */
export function requireTeacher(caller: string, step: LossInputs): Outputs {
  if (step.teacher === undefined)
    throw expectedError(
      caller,
      'a teacher in the step',
      undefined,
      'train with a teacher or remove this term',
    );
  return step.teacher;
}

/** Checks that both features are of the same examples. */
export function assertSameBatch(caller: string, student: Tensor, teacher: Tensor): void {
  const [studentBatch, teacherBatch] = [student.shape[0], teacher.shape[0]];
  ensure(
    student.rank > 1 && teacher.rank > 1 && studentBatch === teacherBatch,
    caller,
    'features [batch, …] of the same batch',
    `${showShape(student)} and ${showShape(teacher)}`,
  );
}

/** Checks that both features have the same number of channels, the last axis. */
export function assertSameChannels(
  caller: string,
  student: Tensor,
  teacher: Tensor,
  remedy: string,
): void {
  assertSameBatch(caller, student, teacher);
  const same = student.rank === teacher.rank && student.shape.at(-1) === teacher.shape.at(-1);
  ensure(
    same,
    caller,
    'student and teacher features with the same number of channels',
    `${showShape(student)} and ${showShape(teacher)}`,
    remedy,
  );
}

function showShape({ shape }: Tensor): string {
  return `[${shape.join(', ')}]`;
}

/** Checks that both are maps of one batch; their sizes and channels are free. */
export function assertMaps(caller: string, studentMaps: Tensor, teacherMaps: Tensor): void {
  assertShape(caller, 'student maps [batch, height, width, channels]', studentMaps, [
    null,
    null,
    null,
    null,
  ]);
  assertShape(caller, 'teacher maps [batch, height, width, channels]', teacherMaps, [
    studentMaps.shape[0] as number,
    null,
    null,
    null,
  ]);
}

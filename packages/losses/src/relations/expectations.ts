import { ensure } from '@kd/core';
import type { Tensor } from '@tensorflow/tfjs-core';

/** Both features speak of the same examples. */
export function expectSameBatch(caller: string, student: Tensor, teacher: Tensor): void {
  const [ours, theirs] = [student.shape[0], teacher.shape[0]];
  ensure(
    student.rank > 1 && teacher.rank > 1 && ours === theirs,
    caller,
    'features [batch, …] of one batch',
    `${shown(student)} and ${shown(teacher)}`,
  );
}

/** Both features have as many channels, the last axis. */
export function expectSameChannels(
  caller: string,
  student: Tensor,
  teacher: Tensor,
  remedy: string,
): void {
  expectSameBatch(caller, student, teacher);
  const same = student.rank === teacher.rank && student.shape.at(-1) === teacher.shape.at(-1);
  ensure(
    same,
    caller,
    'student and teacher features with as many channels',
    `${shown(student)} and ${shown(teacher)}`,
    remedy,
  );
}

function shown({ shape }: Tensor): string {
  return `[${shape.join(', ')}]`;
}

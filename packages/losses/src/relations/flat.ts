import { ensure } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/** Whatever a feature's shape, one row for each example. */
export function flat(feature: tf.Tensor): tf.Tensor2D {
  return tf.reshape(feature, [feature.shape[0] as number, -1]);
}

/** Both features speak of the same examples. */
export function expectSameBatch(where: string, student: tf.Tensor, teacher: tf.Tensor): void {
  const [ours, theirs] = [student.shape[0], teacher.shape[0]];
  ensure(
    student.rank > 1 && teacher.rank > 1 && ours === theirs,
    where,
    'features [batch, …] of one batch',
    `${shown(student)} and ${shown(teacher)}`,
  );
}

/** Both features have as many channels, the last axis. */
export function expectSameChannels(where: string, student: tf.Tensor, teacher: tf.Tensor, remedy: string): void {
  expectSameBatch(where, student, teacher);
  const same = student.rank === teacher.rank && student.shape.at(-1) === teacher.shape.at(-1);
  ensure(same, where, 'student and teacher features with as many channels', `${shown(student)} and ${shown(teacher)}`, remedy);
}

function shown({ shape }: tf.Tensor): string {
  return `[${shape.join(', ')}]`;
}

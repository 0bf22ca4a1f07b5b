import { assertShape } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/** Maps as [batch, places, channels]. */
export function places(maps: tf.Tensor4D): tf.Tensor3D {
  const [batch, height, width, channels] = maps.shape;
  return tf.reshape(maps, [batch, height * width, channels]);
}

/** Both are maps of one batch; their sizes and channels are free. */
export function expectMaps(caller: string, studentMaps: tf.Tensor, teacherMaps: tf.Tensor): void {
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

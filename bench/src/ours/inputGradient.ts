import * as tf from '@tensorflow/tfjs-core';
import type { StepOptions } from '../protocol.ts';
import type { Prepared } from './prepare.ts';

/**
 * The gradient of a 3×3 convolution by its input, both with so many channels. @returns The step; it
 * gives the gradient's mean.
 */
export function inputGradient(channels: number, { batch, size }: StepOptions): Prepared {
  const [dy, filter] = tf.tidy(() => [
    tf.sin(counted([batch, size, size, channels])),
    tf.cos(counted([3, 3, channels, channels])),
  ]) as [tf.Tensor4D, tf.Tensor4D];
  const attributes = {
    strides: 1,
    pad: 'same',
    dataFormat: 'NHWC',
    dimRoundingMode: undefined,
    inputShape: dy.shape,
  };
  return {
    flops: 2 * 9 * batch * size ** 2 * channels ** 2,
    async run() {
      const mean = tf.tidy(() => {
        const inputs = { dy, filter } as unknown as tf.NamedTensorMap;
        return tf.mean(
          tf
            .engine()
            .runKernel(
              'Conv2DBackpropInput',
              inputs,
              attributes as unknown as tf.NamedAttrMap,
            ) as tf.Tensor,
        );
      });
      const [value] = await mean.data();
      mean.dispose();
      return value as number;
    },
  };
}

function counted(shape: [number, number, number, number]): tf.Tensor {
  return tf.reshape(
    tf.range(
      0,
      shape.reduce((product, side) => product * side),
    ),
    shape,
  );
}

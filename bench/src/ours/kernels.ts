import { compile, type OptimizerFactory } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import type { StepOptions } from '../protocol.ts';
import type { Workload } from './workload.ts';

/**
 * The product of two square matrices: the arithmetic ceiling of the machine. A step returns the
 * first number of the product.
 */
export function matrixProduct({ size }: StepOptions): Workload {
  const [left, right] = tf.tidy(() =>
    [tf.sin(tf.range(0, size ** 2)), tf.cos(tf.range(0, size ** 2))].map((row) =>
      tf.reshape(row, [size, size]),
    ),
  ) as [tf.Tensor2D, tf.Tensor2D];
  const multiply = compile((left: tf.Tensor2D, right: tf.Tensor2D) =>
    tf.tidy(() => tf.slice(tf.matMul(left, right), [0, 0], [1, 1])),
  );
  return {
    flops: 2 * size ** 3,
    async run() {
      const corner = multiply(left, right);
      const [value] = await corner.data();
      corner.dispose();
      return value as number;
    },
  };
}

const WEIGHTS = 10;

/**
 * An optimizer's update alone: ten weights [size, size], and gradients that stay the same. A step
 * returns the first number of the first weight.
 */
export function optimizerUpdate(
  optimizer: OptimizerFactory,
  learningRate: number,
  { size }: StepOptions,
): Workload {
  const names = Array.from({ length: WEIGHTS }, (_, at) => `weight${at}`);
  const weights = Object.fromEntries(
    names.map((name) => [name, tf.tidy(() => tf.variable(tf.fill([size, size], 0.5)))]),
  );
  const gradients = Object.fromEntries(names.map((name) => [name, tf.fill([size, size], 1e-3)]));
  const { apply } = optimizer(weights);
  const update = compile((gradients: Record<string, tf.Tensor>, rate: tf.Scalar) =>
    tf.tidy(() => {
      apply(gradients, rate);
      return tf.slice(weights.weight0 as tf.Variable, [0, 0], [1, 1]);
    }),
  );
  return {
    async run() {
      const rate = tf.scalar(learningRate);
      const corner = update(gradients, rate);
      const [value] = await corner.data();
      tf.dispose([rate, corner]);
      return value as number;
    },
  };
}

/**
 * The gradient of a 3×3 convolution with respect to its input, both with this many channels. A step
 * returns the mean of the gradient.
 */
export function inputGradient(channels: number, { batch, size }: StepOptions): Workload {
  const [dy, filter] = tf.tidy(() => [
    tf.sin(rangeOfShape([batch, size, size, channels])),
    tf.cos(rangeOfShape([3, 3, channels, channels])),
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

function rangeOfShape(shape: [number, number, number, number]): tf.Tensor {
  const count = shape.reduce((product, side) => product * side);
  return tf.reshape(tf.range(0, count), shape);
}

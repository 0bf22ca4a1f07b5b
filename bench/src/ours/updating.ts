import { compile, type OptimizerFactory } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import type { StepOptions } from '../protocol.ts';
import type { Prepared } from './prepare.ts';

const WEIGHTS = 10;

/**
 * Ten weights [size, size] and gradients that stay: an optimizer's update alone. @returns The step;
 * it gives the first number of the first weight.
 */
export function updating(
  optimizer: OptimizerFactory,
  learningRate: number,
  { size }: StepOptions,
): Prepared {
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

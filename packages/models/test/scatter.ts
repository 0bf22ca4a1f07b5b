import type { InferenceNetwork, Network, Outputs } from '@kd/core';
import { expectClose } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

/**
 * Gives every weight values as after a training: scales, averages and variances that are not those
 * of the start.
 */
export function scatter(network: Network, seed: number): void {
  for (const [position, [name, weight]] of Object.entries(network.weights).entries()) {
    tf.tidy(() => {
      const noise = tf.randomUniform(weight.shape, -0.5, 0.5, 'float32', 100 * seed + position);
      if (/\.(scale|variance)$/.test(name)) weight.assign(tf.add(1, noise));
      else if (/\.(offset|mean)$/.test(name)) weight.assign(tf.mul(0.4, noise));
      else
        weight.assign(
          tf.mul(noise, Math.sqrt((12 * (weight.shape.at(-1) as number)) / weight.size)),
        );
    });
  }
}

/** The same logits and features, in the same order, within rounding. */
export function expectSame(
  network: Network,
  fused: Pick<InferenceNetwork, 'forward'>,
  images: tf.Tensor4D,
): void {
  const expected = network.forward(images, { training: false });
  const got = fused.forward(images);
  expect(Object.keys(got.features)).toEqual(Object.keys(expected.features));
  const all = (outputs: Outputs) => [outputs.logits, ...Object.values(outputs.features)];
  all(got).forEach((tensor, at) => {
    const other = all(expected)[at] as tf.Tensor;
    expect(tensor.shape).toEqual(other.shape);
    expectClose(tensor.dataSync(), other.dataSync(), 1e-5);
  });
  tf.dispose([all(expected), all(got)]);
}

import { deriveSeed, foldIn, type Network, normal, randomUniform } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/** A linear softmax classifier: kernel and bias. */
export function linear(inputs: number, classes: number, seed: number): Network {
  const kernel = drawn([inputs, classes], 0.1, deriveSeed(seed, 'kernel', 0));
  const bias = tf.tidy(() => tf.variable(tf.zeros([classes])));
  return {
    name: 'linear',
    preprocessing: 'none',
    weights: { kernel, bias },
    forward: (images) =>
      tf.tidy(() => ({
        logits: tf.add(
          tf.matMul(tf.reshape(images, [-1, inputs]), kernel as tf.Tensor2D),
          bias,
        ) as tf.Tensor2D,
        features: {},
      })),
    dispose: () => tf.dispose([kernel, bias]),
  };
}

/**
 * Convolution, ReLU, batch normalization by running averages that move while training, mean over
 * the map, dense; a tap `map`.
 */
export function tinyCnn(channels: number, classes: number, seed: number): Network {
  const filter = drawn([3, 3, channels, 4], 0.3, deriveSeed(seed, 'filter', 0));
  const dense = drawn([4, classes], 0.5, deriveSeed(seed, 'dense', 0));
  const [mean, variance] = tf.tidy(
    () => [tf.variable(tf.zeros([4]), false), tf.variable(tf.ones([4]), false)] as const,
  );
  return {
    name: 'tinyCnn',
    preprocessing: 'none',
    weights: {
      'conv.filter': filter,
      'norm.mean': mean,
      'norm.variance': variance,
      'dense.kernel': dense,
    },
    forward: (images, { training }) =>
      tf.tidy(() => {
        const map = tf.relu(tf.conv2d(images, filter as tf.Tensor4D, 1, 'same'));
        const [center, spread] = training ? statistics(map) : [mean, variance];
        if (training) {
          mean.assign(tf.add(tf.mul(mean, 0.9), tf.mul(center, 0.1)));
          variance.assign(tf.add(tf.mul(variance, 0.9), tf.mul(spread, 0.1)));
        }
        const normal = tf.div(tf.sub(map, center), tf.sqrt(tf.add(spread, 1e-3))) as tf.Tensor4D;
        return {
          logits: tf.matMul(
            tf.mean(normal, [1, 2]) as tf.Tensor2D,
            dense as tf.Tensor2D,
          ) as tf.Tensor2D,
          features: { map: normal },
        };
      }),
    dispose: () => tf.dispose([filter, dense, mean, variance]),
  };
}

/**
 * `linear` in training behind dropout of half of its inputs. @param told Gets the seed of every
 * training step.
 */
export function dropping(
  inputs: number,
  classes: number,
  seed: number,
  told: (seed: number[]) => void = () => {},
): Network {
  const inner = linear(inputs, classes, seed);
  return {
    ...inner,
    name: 'dropping',
    forward: (images, mode) =>
      tf.tidy(() => {
        if (mode.training && mode.seed === undefined) throw new Error('dropping: no seed');
        if (!mode.training || mode.seed === undefined)
          return { logits: inner.forward(images, mode).logits, features: {} };
        told(Array.from(mode.seed.dataSync()));
        const stays = tf.greaterEqual(
          randomUniform(images.shape, foldIn(mode.seed, 'dropping')),
          0.5,
        );
        return {
          logits: inner.forward(tf.mul(images, tf.mul(tf.cast(stays, 'float32'), 2)), mode).logits,
          features: {},
        };
      }),
  };
}

/**
 * `linear` with a form for inference that says how often it was asked and brought up to date; it
 * gives the same logits and a feature `folded`.
 */
export function folding(inputs: number, classes: number, seed: number) {
  const inner = linear(inputs, classes, seed);
  const counts = { folded: 0, refreshed: 0, own: 0 };
  const network: Network = {
    ...inner,
    name: 'folding',
    forward: (images, mode) => {
      counts.own += 1;
      return inner.forward(images, mode);
    },
    inference: () => ({
      forward: (images) => {
        counts.folded += 1;
        const { logits } = inner.forward(images, { training: false });
        return { logits, features: { folded: tf.clone(logits) } };
      },
      refresh: () => {
        counts.refreshed += 1;
      },
    }),
  };
  return { network, counts };
}

/** All numbers of a network's weights, by name. */
export function numbersOf(
  weights: Readonly<Record<string, tf.Variable>>,
): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [name, Array.from(weight.dataSync())]),
  );
}

function statistics(map: tf.Tensor): [tf.Tensor, tf.Tensor] {
  const center = tf.mean(map, [0, 1, 2]);
  return [center, tf.mean(tf.square(tf.sub(map, center)), [0, 1, 2])];
}

function drawn(shape: number[], deviation: number, seed: number): tf.Variable {
  const values = Float32Array.from(
    { length: shape.reduce((a, b) => a * b, 1) },
    (_, at) => deviation * normal(seed, 0, at),
  );
  return tf.tidy(() => tf.variable(tf.tensor(values, shape)));
}

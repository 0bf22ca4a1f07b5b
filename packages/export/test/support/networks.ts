import type { Network } from '@kd/core';
import {
  cifarResnet,
  efficientNetLite,
  fromLayersModel,
  mobileNetV2,
  resnet,
  resnet9,
  shuffleNetV1,
  shuffleNetV2,
  studentCnn,
  tutorialCnn,
  vgg,
  wideResnet,
} from '@kd/models';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';

const common = { classes: 10, seed: 1 };

/** One of every architecture, small, and the side of its images. */
export const networks: Readonly<Record<string, readonly [create: () => Network, side: number]>> = {
  studentCnn: [() => studentCnn(common), 32],
  tutorialCnn: [() => tutorialCnn(common), 16],
  resnet9: [() => resnet9({ ...common, width: 0.125 }), 32],
  'cifarResnet, identity': [() => cifarResnet({ ...common, depth: 20 }), 16],
  'cifarResnet, projection': [
    () => cifarResnet({ ...common, depth: 8, shortcut: 'projection' }),
    16,
  ],
  'resnet, basic, imagenet': [
    () =>
      resnet({
        ...common,
        depth: { block: 'basic', blocks: [1, 1, 1, 1] },
        stem: 'imagenet',
        width: 0.125,
        prepare: { size: 64, interpolation: 'bicubic', crop: 0.875 },
      }),
    40,
  ],
  'resnet, bottleneck, cifar': [
    () =>
      resnet({
        ...common,
        depth: { block: 'bottleneck', blocks: [1, 1, 1, 1] },
        stem: 'cifar',
        width: 0.125,
      }),
    16,
  ],
  wideResnet: [() => wideResnet({ ...common, depth: 16, width: 0.5 }), 16],
  vgg: [() => vgg({ ...common, depth: 11, width: 1 / 16 }), 32],
  'mobileNetV2, cifar': [() => mobileNetV2({ ...common, stem: 'cifar', width: 0.125 }), 32],
  'mobileNetV2, imagenet': [
    () =>
      mobileNetV2({
        ...common,
        stem: 'imagenet',
        width: 0.125,
        prepare: { size: 32, interpolation: 'bilinear', antialias: true },
      }),
    48,
  ],
  efficientNetLite: [
    () => efficientNetLite({ ...common, version: 0, prepare: { size: 'asGiven' } }),
    32,
  ],
  shuffleNetV1: [() => shuffleNetV1({ ...common, groups: 3 }), 32],
  'shuffleNetV2, cifar': [() => shuffleNetV2({ ...common, stem: 'cifar', width: 0.5 }), 16],
  'a layers model': [layersNetwork, 12],
};

/** A functional model with a flattening, branches and an activation of its own. */
function layersNetwork(): Network {
  const images = input({ shape: [12, 12, 3] });
  const stem = layers
    .conv2d({ filters: 6, kernelSize: 3, strides: 2, padding: 'same', name: 'stem' })
    .apply(images) as SymbolicTensor;
  const left = layers.activation({ activation: 'swish', name: 'left' }).apply(stem);
  const right = layers
    .depthwiseConv2d({ kernelSize: 3, padding: 'same', name: 'right' })
    .apply(stem);
  const sum = layers.add({ name: 'sum' }).apply([left, right] as SymbolicTensor[]);
  const flat = layers.flatten({ name: 'flat' }).apply(sum);
  const hidden = layers.dense({ units: 12, activation: 'relu', name: 'hidden' }).apply(flat);
  const logits = layers.dense({ units: 10, name: 'logits' }).apply(hidden) as SymbolicTensor;
  return fromLayersModel(model({ inputs: images, outputs: logits }));
}

/**
 * Gives every weight values as after a training: scales, averages and variances that are not those
 * of the start.
 */
export function scatter(network: Network): void {
  for (const [position, [name, weight]] of Object.entries(network.weights).entries()) {
    tf.tidy(() => {
      const noise = tf.randomUniform(weight.shape, -0.5, 0.5, 'float32', 100 + position);
      if (/\.(scale|variance)$/.test(name)) weight.assign(tf.add(1, noise));
      else if (/\.(offset|mean)$/.test(name)) weight.assign(tf.mul(0.4, noise));
      else
        weight.assign(
          tf.mul(noise, Math.sqrt((12 * (weight.shape.at(-1) as number)) / weight.size)),
        );
    });
  }
}

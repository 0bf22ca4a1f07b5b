import type { FoldedNetwork, Network, Outputs } from '@kd/core';
import { closeTo, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  batchNorm,
  cifarResnet,
  convolution,
  dense,
  globalAveragePool,
  maxPool,
  networkOf,
  pointwise,
  relu,
  residual,
  resnet,
  resnet9,
  seedCnn,
  studentCnn,
} from '../src/index.ts';

const makers: Record<string, () => Network> = {
  seedCnn: () => seedCnn({ classes: 10, seed: 1 }),
  studentCnn: () => studentCnn({ classes: 10, seed: 1 }),
  'cifarResnet 14': () => cifarResnet({ depth: 14, classes: 10, seed: 1 }),
  'cifarResnet 8 projection': () => cifarResnet({ depth: 8, classes: 10, seed: 1, shortcut: 'projection' }),
  resnet9: () => resnet9({ classes: 10, seed: 1, width: 0.125 }),
  'resnet basic': () => resnet({ depth: { block: 'basic', blocks: [1, 2, 1, 1] }, stem: 'imagenet', width: 0.125, classes: 10, seed: 1 }),
  'resnet bottleneck': () => resnet({ depth: { block: 'bottleneck', blocks: [1, 2, 1, 1] }, stem: 'cifar', width: 0.125, classes: 10, seed: 1 }),
  'all that folds and all that does not': mixed,
};

const inference = { training: false };

onEveryEngine(() => {
  test.each(Object.entries(makers))(
    '%s: folded, it gives the same logits and features, follows its weights, and leaves no tensor',
    async (_, make) => {
      const images = pictures();
      await expectNoNewTensors(() => {
        const network = make();
        const norms = Object.values(network.weights).filter((weight) => !weight.trainable);
        scatter(network, 1);
        const folded = network.folded?.() as FoldedNetwork;
        expect(network.folded?.()).toBe(folded);
        expectSame(network, folded, images);

        scatter(network, 2);
        if (norms.length > 0) expect(differenceOf(network, folded, images)).toBeGreaterThan(1e-3);
        folded.refresh();
        expectSame(network, folded, images);
        network.dispose();
      });
      images.dispose();
    },
  );

  test('a refresh after which nothing has moved computes nothing, and one weight is enough to fold anew', async () => {
    const network = studentCnn({ classes: 10, seed: 1 });
    const folded = network.folded?.() as FoldedNetwork;
    const kernelsOfRefresh = async () => (await tf.profile(() => folded.refresh())).kernels.length;
    expect(await kernelsOfRefresh()).toBe(0);
    const variance = network.weights['stage2.bn.variance'] as tf.Variable;
    tf.tidy(() => variance.assign(tf.fill(variance.shape, 3)));
    expect(await kernelsOfRefresh()).toBeGreaterThan(0);
    expect(await kernelsOfRefresh()).toBe(0);
    network.dispose();
  });

  test('batch norm behind a convolution runs within its kernel', async () => {
    const network = studentCnn({ classes: 10, seed: 1 });
    const folded = network.folded?.() as FoldedNetwork;
    const images = pictures();
    const { kernels } = await tf.profile(() => tf.tidy(() => folded.forward(images).logits.shape));
    const names = kernels.map(({ name }) => name);
    expect(names.filter((name) => name === 'FusedConv2D')).toHaveLength(3);
    expect(names.filter((name) => /norm/i.test(name))).toEqual([]);
    images.dispose();
    network.dispose();
  });
});

/** Convolutions with and without bias, batch norm and ReLU, also each where nothing stands before it to be folded into. */
function mixed(): Network {
  return networkOf({
    name: 'mixed',
    seed: 1,
    layers: {
      first: batchNorm({ channels: 3 }),
      relu0: relu(),
      conv1: convolution({ from: 3, to: 6, bias: true }),
      bn1: batchNorm({ channels: 6, epsilon: 1e-3 }),
      tapped: convolution({ from: 6, to: 6, size: 5, stride: 2 }),
      bn2: batchNorm({ channels: 6 }),
      again: batchNorm({ channels: 6 }),
      elu: pointwise((x) => tf.elu(x)),
      relu1: relu(),
      pool: maxPool({ size: 3, stride: 2, padding: 1 }),
      sum: residual({ body: { bn: batchNorm({ channels: 6 }), relu: relu(), conv: convolution({ from: 6, to: 6 }) } }),
      bn3: batchNorm({ channels: 6 }),
      inner: residual({ body: { conv: convolution({ from: 6, to: 6, bias: true }) }, shortcut: batchNorm({ channels: 6 }), after: relu() }),
      pooled: globalAveragePool(),
      fc: dense({ from: 6, to: 10 }),
    },
    taps: ['tapped', 'sum'],
  });
}

/** Gives every weight values as after a training: scales, averages and variances that are not those of the start. */
function scatter(network: Network, seed: number): void {
  for (const [place, [name, weight]] of Object.entries(network.weights).entries()) {
    tf.tidy(() => {
      const noise = tf.randomUniform(weight.shape, -0.5, 0.5, 'float32', 100 * seed + place);
      if (/\.(scale|variance)$/.test(name)) weight.assign(tf.add(1, noise));
      else if (/\.(offset|mean)$/.test(name)) weight.assign(tf.mul(0.4, noise));
      else weight.assign(tf.mul(noise, Math.sqrt((12 * (weight.shape.at(-1) as number)) / weight.size)));
    });
  }
}

function expectSame(network: Network, folded: FoldedNetwork, images: tf.Tensor4D): void {
  const expected = network.forward(images, inference);
  const got = folded.forward(images);
  expect(Object.keys(got.features)).toEqual(Object.keys(expected.features));
  const all = (outputs: Outputs) => [outputs.logits, ...Object.values(outputs.features)];
  all(got).forEach((tensor, at) => {
    const other = all(expected)[at] as tf.Tensor;
    expect(tensor.shape).toEqual(other.shape);
    closeTo(tensor.dataSync(), other.dataSync(), 1e-5);
  });
  tf.dispose([all(expected), all(got)]);
}

function differenceOf(network: Network, folded: FoldedNetwork, images: tf.Tensor4D): number {
  return tf.tidy(() => tf.max(tf.abs(tf.sub(network.forward(images, inference).logits, folded.forward(images).logits))).dataSync()[0] as number);
}

function pictures(): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from({ length: 2 * 16 * 16 * 3 }, (_, n) => 0.5 + 0.5 * Math.sin(0.37 * n + 1e-4 * n * n)),
    [2, 16, 16, 3],
  );
}

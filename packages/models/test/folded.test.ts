import type { FoldedNetwork, Network, Outputs } from '@kd/core';
import { closeTo, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { studentCnn } from '../src/index.ts';
import { makers, pictures } from './makers.ts';

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

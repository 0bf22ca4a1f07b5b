import type { InferenceNetwork, Network } from '@kd/core';
import { expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { studentCnn } from '../src/index.ts';
import { makers, pictures } from './makers.ts';
import { expectSame, scatter } from './scatter.ts';

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
        const folded = network.inference?.() as InferenceNetwork;
        expect(network.inference?.()).toBe(folded);
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
    const folded = network.inference?.() as InferenceNetwork;
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
    const folded = network.inference?.() as InferenceNetwork;
    const images = pictures();
    const { kernels } = await tf.profile(() => tf.tidy(() => folded.forward(images).logits.shape));
    const names = kernels.map(({ name }) => name);
    expect(names.filter((name) => name === 'FusedConv2D')).toHaveLength(3);
    expect(names.filter((name) => /norm/i.test(name))).toEqual([]);
    images.dispose();
    network.dispose();
  });
});

function differenceOf(network: Network, folded: InferenceNetwork, images: tf.Tensor4D): number {
  return tf.tidy(
    () =>
      tf
        .max(
          tf.abs(tf.sub(network.forward(images, inference).logits, folded.forward(images).logits)),
        )
        .dataSync()[0] as number,
  );
}

/** Suites over whole networks: once in the tests by topic, repeated by `networks.slow.test.ts`. */

import type { InferenceNetwork, Network } from '@kd/core';
import { type EngineUnderTest, expectClose, expectNoNewTensors } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  efficientNetLite,
  freeze,
  fuseBatchNorm,
  loadWeights,
  mobileNetV2,
  type PreprocessingOptions,
  shuffleNetV1,
  shuffleNetV2,
  splitBackbone,
} from '../src/index.ts';
import { hashed, toNhwc } from './formula.ts';
import { type Golden, goldens, networkNamed } from './mobileFixture.ts';
import { expectSame, scatter } from './scatter.ts';
import { smallNetworks, testImages } from './smallNetworks.ts';
import { entry, inMemory } from './weights/inMemory.ts';

type Networks = Readonly<Record<string, () => Network>>;

/**
 * The networks that a suite runs on an engine: on cpu those that together have every operation; the
 * others take long there, and `networks.slow.test.ts` runs them.
 */
export function networksFor(engine: EngineUnderTest): Networks {
  if (engine !== 'cpu') return smallNetworks;
  return Object.fromEntries(Object.entries(smallNetworks).slice(-2));
}

const inference = { training: false };

/** The inference network agrees with the network, and follows its weights. */
export function testFusedInference(networks: Networks): void {
  test.each(Object.entries(networks))(
    '%s: fused, it gives the same logits and features, follows its weights after refresh, and leaves no tensor',
    async (_, make) => {
      const images = testImages();
      await expectNoNewTensors(() => {
        const network = make();
        const norms = Object.values(network.weights).filter((weight) => !weight.trainable);
        scatter(network, 1);
        const fused = network.inference?.() as InferenceNetwork;
        expect(network.inference?.()).toBe(fused);
        expectSame(network, fused, images);

        scatter(network, 2);
        if (norms.length > 0) expect(differenceOf(network, fused, images)).toBeGreaterThan(1e-3);
        fused.refresh();
        expectSame(network, fused, images);
        network.dispose();
      });
      images.dispose();
    },
  );
}

function differenceOf(network: Network, fused: InferenceNetwork, images: tf.Tensor4D): number {
  return tf.tidy(
    () =>
      tf
        .max(
          tf.abs(tf.sub(network.forward(images, inference).logits, fused.forward(images).logits)),
        )
        .dataSync()[0] as number,
  );
}

/** `fuseBatchNorm` changes no output. */
export function testFuseBatchNorm(networks: Networks): void {
  test.each(Object.entries(networks))(
    '%s: after fuseBatchNorm it gives the same logits and features, and leaves no tensor',
    async (_, make) => {
      const images = testImages();
      await expectNoNewTensors(() => {
        const [network, taken] = [make(), make()];
        for (const one of [network, taken]) scatter(one, 1);
        const fused = fuseBatchNorm(taken);
        expectSame(network, atInference(fused), images);
        fused.dispose();
        network.dispose();
      });
      images.dispose();
    },
  );
}

function atInference(network: Network) {
  return { forward: (images: tf.Tensor4D) => network.forward(images, { training: false }) };
}

/** Frozen layers do not change in training, and run as at inference. */
export function testFrozen(networks: Networks): void {
  test.each(Object.entries(networks))(
    '%s: with a frozen body, training moves the head and not a bit of the rest',
    async (_, make) => {
      const images = testImages();
      await expectNoNewTensors(() => {
        const network = freeze(make(), 'body');
        const [head, before] = [`${network.head}.`, numbersOf(network)];
        for (let step = 0; step < 3; step++) trainStep(network, images);
        const changed = moved(network, before);
        expect(changed.length).toBeGreaterThan(0);
        expect(changed.filter((name) => !name.startsWith(head))).toEqual([]);
        network.dispose();
      });
      images.dispose();
    },
  );

  test.each(Object.entries(networks))(
    '%s: in training a frozen network gives the outputs of inference',
    async (_, make) => {
      const images = testImages();
      await expectNoNewTensors(() => {
        const network = make();
        const seed = tf.tensor1d([1, 2], 'int32');
        freeze(network, { upTo: network.head as string });
        const [training, inference] = [
          network.forward(images, { training: true, seed }),
          network.forward(images, { training: false }),
        ];
        expect(Object.keys(training.features)).toEqual(Object.keys(inference.features));
        expectClose(training.logits.dataSync(), inference.logits.dataSync(), 1e-5);
        for (const [tap, feature] of Object.entries(training.features)) {
          expectClose(feature.dataSync(), (inference.features[tap] as tf.Tensor).dataSync(), 1e-5);
        }
        tf.dispose([
          training.logits,
          inference.logits,
          training.features as tf.NamedTensorMap,
          inference.features as tf.NamedTensorMap,
          seed,
        ]);
        network.dispose();
      });
      images.dispose();
    },
  );
}

/** A step of gradient descent on every weight that trains; returns the names of those it moved. */
export function trainStep(network: Network, images: tf.Tensor4D): string[] {
  const trainable = Object.entries(network.weights).filter(([, weight]) => weight.trainable);
  return tf.tidy(() => {
    const { grads } = tf.variableGrads(
      () =>
        tf.mean<tf.Scalar>(
          tf.square(
            tf.sub(
              network.forward(images, { training: true, seed: tf.tensor1d([3, 4], 'int32') })
                .logits,
              1,
            ),
          ),
        ),
      trainable.map(([, weight]) => weight),
    );
    return trainable.flatMap(([name, weight]) => {
      const gradient = grads[weight.name];
      if (gradient === undefined || gradient === null) return [];
      weight.assign(tf.sub(weight, tf.mul(gradient, 0.1)));
      return [name];
    });
  });
}

export function numbersOf(network: Network): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(network.weights).map(([name, weight]) => [
      name,
      weight.dataSync().slice() as Float32Array,
    ]),
  );
}

export function moved(network: Network, before: Record<string, Float32Array>): string[] {
  const now = numbersOf(network);
  return Object.keys(now).filter((name) =>
    (now[name] as Float32Array).some(
      (value, at) => !Object.is(value, (before[name] as Float32Array)[at]),
    ),
  );
}

/** Backbone and head of a split network compute what the network computes. */
export function testSplit(networks: Networks): void {
  test.each(Object.entries(networks))(
    '%s: backbone and head compute what the network computes',
    async (_, make) => {
      const images = testImages();
      await expectNoNewTensors(() => {
        const network = make();
        const { backbone: body, head } = splitBackbone(network);
        tf.tidy(() => {
          const outputs = body.forward(images);
          const whole = network.forward(images, inference);
          for (const tap of body.featureNames)
            expectClose(
              (outputs[tap] as tf.Tensor).dataSync(),
              (whole.features[tap] as tf.Tensor).dataSync(),
              1e-5,
            );
          const end = outputs[body.end] as tf.Tensor;
          const input =
            end.rank === 4 ? (end as tf.Tensor4D) : tf.reshape<tf.Rank.R4>(end, [2, 1, 1, -1]);
          expectClose(
            head.forward(input, inference).logits.dataSync(),
            whole.logits.dataSync(),
            1e-5,
          );
          if (head.inference !== undefined)
            expectClose(
              head.inference().forward(input).logits.dataSync(),
              whole.logits.dataSync(),
              1e-5,
            );
        });
        expect({ ...body.weights, ...head.weights }).toEqual(network.weights);
        head.dispose();
        expect(Object.values(network.weights).some((weight) => weight.isDisposed)).toBe(false);
        network.dispose();
      });
      images.dispose();
    },
  );
}

export const asTheyAre: PreprocessingOptions = {
  size: 'asGiven',
  normalize: { mean: [0, 0, 0], std: [1, 1, 1] },
};
const options = { classes: 10, seed: 0, prepare: asTheyAre };
const rows = Object.entries(goldens).map(([title, golden]) => ({ title, golden }));

/** Networks for phones agree with PyTorch's, for the same weights. */
export function testMobileGoldens(): void {
  test.each(rows)(
    '$title gives the logits and features of PyTorch for the same weights, fused as well',
    async ({ title, golden }) => {
      await expectNoNewTensors(() => {
        const network = networkNamed(title, options);
        loadGolden(network, golden);
        const sides = [2, golden.side, golden.side, 3] as const;
        const images = tf.tensor4d(
          toNhwc((n) => Math.sin(0.017 * n) + 0.4 * Math.cos(0.000023 * n * n + 0.3), sides),
          [...sides],
        );
        for (const outputs of [
          network.forward(images, { training: false }),
          network.inference?.().forward(images),
        ]) {
          if (outputs === undefined) throw new Error('expected an inference network');
          expectClose(outputs.logits.dataSync(), golden.logits.flat(), 1e-4);
          expect(Object.keys(outputs.features)).toEqual([...Object.keys(golden.taps), 'pooled']);
          for (const [tap, { mean, norm }] of Object.entries(golden.taps)) {
            const feature = outputs.features[tap] as tf.Tensor;
            const [ownMean, ownNorm] = tf.tidy(() => [
              tf.mean(feature).dataSync()[0] as number,
              tf.norm(feature).dataSync()[0] as number,
            ]);
            expect(Math.abs(ownMean - mean)).toBeLessThan((1e-4 * norm) / Math.sqrt(feature.size));
            expectClose([ownNorm], [norm], 1e-4);
          }
          tf.dispose([outputs.logits, outputs.features]);
        }
        images.dispose();
        network.dispose();
      });
    },
  );
}

/** The formula of test/torch/formula.py, through the published names. */
function loadGolden(network: Network, { seed, places, shapes }: Golden): void {
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const u = (n: number) => hashed(n, places[name] as number, seed);
    const fanIn = shape.slice(1).reduce((product, side) => product * side, 1);
    const values = (n: number): number => {
      if (shape.length > 1) return (2 * u(n) - 1) * Math.sqrt(6 / fanIn);
      if (name.endsWith('running_var')) return 0.5 + u(n);
      return name.endsWith('weight') ? 0.75 + 0.5 * u(n) : 0.2 * (2 * u(n) - 1);
    };
    return [name, entry(shape, values)] as const;
  });
  loadWeights(network, inMemory(Object.fromEntries(entries)));
}

/** The loss of a training step falls along the gradient as predicted. */
export function testGradientStep(): void {
  test.each([
    {
      title: 'EfficientNet-Lite0',
      side: 64,
      make: () => efficientNetLite({ ...options, version: 0 }),
    },
    {
      title: 'MobileNetV2',
      side: 32,
      make: () => mobileNetV2({ ...options, stem: 'cifar', width: 0.25 }),
    },
    { title: 'ShuffleNetV1', side: 32, make: () => shuffleNetV1(options) },
    {
      title: 'ShuffleNetV2',
      side: 32,
      make: () => shuffleNetV2({ ...options, stem: 'cifar', width: 0.5 }),
    },
  ])(
    '$title: a step along the gradient lowers the loss in training by as much as the gradient predicts',
    ({ side, make }) => {
      const network = make();
      // Where the last maps are single pixels, batch norm over four numbers makes the loss so steep
      // that float32 cannot take small steps.
      const images = tf.randomUniform([4, side, side, 3], -1, 1, 'float32', 7) as tf.Tensor4D;
      const labels = tf.oneHot([0, 1, 2, 3], 10);
      const seed = tf.tensor1d([1, 2], 'int32');
      const loss = (): tf.Scalar => {
        const { logits } = network.forward(images, { training: true, seed });
        return tf.neg(tf.mean(tf.sum(tf.mul(labels, tf.logSoftmax(logits)), 1)));
      };
      const trained = Object.values(network.weights).filter((weight) => weight.trainable);
      const { value, grads } = tf.variableGrads(loss, trained);
      const squared = Object.values(grads).reduce(
        (sum, gradient) =>
          sum + (tf.tidy(() => tf.sum(tf.square(gradient)).dataSync()[0]) as number),
        0,
      );
      const lossAfter = (rate: number) => {
        for (const weight of trained)
          tf.tidy(() =>
            weight.assign(tf.sub(weight, tf.mul(rate, grads[weight.name] as tf.Tensor))),
          );
        return tf.tidy(() => loss().dataSync()[0] as number);
      };
      const rate = 0.001 / squared;
      const down = lossAfter(rate);
      const up = lossAfter(-2 * rate);
      expect(Math.abs(up - down - 0.002)).toBeLessThan(0.0001);
      tf.dispose([images, labels, seed, value, grads]);
      network.dispose();
    },
  );
}

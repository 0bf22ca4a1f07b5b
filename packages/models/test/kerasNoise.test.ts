import { compile } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import {
  type LayersModel,
  input as layerInput,
  layers,
  model as modelOf,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { fromLayersModel } from '../src/index.ts';

type KerasLayer = InstanceType<typeof layers.Layer>;

const noises: Readonly<Record<string, () => KerasLayer>> = {
  Dropout: () => layers.dropout({ name: 'noise', rate: 0.4 }),
  GaussianDropout: () => layers.gaussianDropout({ name: 'noise', rate: 0.4 }),
  GaussianNoise: () => layers.gaussianNoise({ name: 'noise', stddev: 0.5 }),
  AlphaDropout: () => layers.alphaDropout({ name: 'noise', rate: 0.4 }),
};

onEveryEngine(() => {
  test.each(Object.entries(noises))(
    '%s draws from the seed: reproducible, another at every step, compiled too, and not at inference',
    async (_, make) => {
      const images = tf.fill([2, 4, 4, 3], 0.5) as tf.Tensor4D;
      await expectNoNewTensors(() => {
        const network = fromLayersModel(headed(make()), { taps: ['noise'] });
        const ask = (step: number) =>
          tf.tidy(() => {
            const seed = tf.tensor1d([9, step], 'int32');
            return Array.from(
              network.forward(images, { training: true, seed }).features.noise?.dataSync() ?? [],
            );
          });
        const plain = tf.tidy(() =>
          Array.from(network.forward(images, { training: false }).features.noise?.dataSync() ?? []),
        );
        expect(ask(1)).toEqual(ask(1));
        expect(new Set([ask(1), ask(2), plain].map((values) => values.join())).size).toBe(3);
        expectClose(plain, new Array(plain.length).fill(0.5), 0);
        network.dispose();
      });
      images.dispose();
    },
  );

  test('a compiled pass drops others at every seed', () => {
    const network = fromLayersModel(headed(layers.dropout({ name: 'noise', rate: 0.4 })), {
      taps: ['noise'],
    });
    const run = compile(
      (images: tf.Tensor4D, seed: tf.Tensor1D) =>
        network.forward(images, { training: true, seed }).features.noise as tf.Tensor,
    );
    const images = tf.fill([2, 4, 4, 3], 0.5) as tf.Tensor4D;
    const masks = [1, 2, 3].map((step) => {
      const seed = tf.tensor1d([9, step], 'int32');
      const compiled = Array.from(run(images, seed).dataSync());
      expect(compiled).toEqual(
        Array.from(
          network.forward(images, { training: true, seed }).features.noise?.dataSync() ?? [],
        ),
      );
      return compiled.join();
    });
    expect(new Set(masks).size).toBe(3);
    network.dispose();
  });

  test.each(Object.entries(noises))(
    '%s keeps the mean of standard normal activations, and what their variance ought to be',
    (kind, make) => {
      const [rows, columns] = [40, 40];
      const noise = make();
      const head = sequential({
        layers: [
          layers.inputLayer({ inputShape: [rows, columns, 3] }),
          noise,
          layers.globalAveragePooling2d({}),
          layers.dense({ units: 2 }),
        ],
      });
      const network = fromLayersModel(head, { taps: ['noise'] });
      const images = tf.randomNormal([8, rows, columns, 3], 0, 1, 'float32', 4) as tf.Tensor4D;
      const { features } = network.forward(images, {
        training: true,
        seed: tf.tensor1d([1, 2], 'int32'),
      });
      const { mean, variance } = tf.moments(features.noise as tf.Tensor);
      const expected: Readonly<Record<string, number>> = {
        Dropout: 1 / 0.6,
        GaussianDropout: 1 + 0.4 / 0.6,
        GaussianNoise: 1.25,
        AlphaDropout: 1,
      };
      expectClose(mean.dataSync(), [0], 0.03);
      expectClose(variance.dataSync(), [expected[kind] as number], 0.04);
      network.dispose();
    },
  );

  test('a noiseShape shares the fate of pixels, and a layer used twice draws twice', () => {
    const input = layerInput({ shape: [4, 4, 8] });
    const noise = layers.dropout({
      name: 'noise',
      rate: 0.5,
      noiseShape: [null as unknown as number, 1, 1, 8],
    });
    const both = layers
      .concatenate({ name: 'both' })
      .apply([noise.apply(input), noise.apply(input)] as SymbolicTensor[]);
    const logits = layers
      .dense({ units: 2 })
      .apply(layers.globalAveragePooling2d({}).apply(both) as SymbolicTensor);
    const network = fromLayersModel(modelOf({ inputs: input, outputs: logits as SymbolicTensor }), {
      taps: ['both'],
    });
    const { features } = network.forward(tf.ones([1, 4, 4, 8]), {
      training: true,
      seed: tf.tensor1d([1, 2], 'int32'),
    });
    const [pixel, ...others] = tf
      .reshape(features.both as tf.Tensor, [16, 16])
      .arraySync() as number[][];
    for (const other of others) expect(other).toEqual(pixel);
    expect(pixel?.slice(0, 8)).not.toEqual(pixel?.slice(8));
    network.dispose();
  });
});

test('a training without a seed is refused, and so is dropout that JavaScript alone can draw', () => {
  const network = fromLayersModel(headed(layers.dropout({ name: 'noise', rate: 0.4 })), {
    name: 'own',
  });
  const images = tf.zeros([1, 4, 4, 3]) as tf.Tensor4D;
  expect(() => network.forward(images, { training: true })).toThrow(
    'own: expected a seed to draw from in training, got none; train() gives one, and so may you: forward(images, { training: true, seed }).',
  );
  const recurrent = fromLayersModel(
    sequential({
      layers: [
        layers.reshape({ inputShape: [4, 4, 3], targetShape: [16, 3] }),
        layers.lstm({
          name: 'lstm',
          units: 4,
          recurrentDropout: 0.2,
          recurrentInitializer: 'zeros',
        }),
        layers.dense({ units: 2 }),
      ],
    }),
  );
  expect(recurrent.forward(images, { training: false }).logits.shape).toEqual([1, 2]);
  expect(() => recurrent.forward(images, { training: true })).toThrow(
    'fromLayersModel: expected layers whose randomness can be compiled in training, got LSTM lstm; put a dropout layer behind it.',
  );
});

test('a model without noise trains without a seed, and model.fit draws as before', async () => {
  const plain = fromLayersModel(headed(layers.activation({ name: 'noise', activation: 'relu' })));
  expect(plain.forward(tf.zeros([1, 4, 4, 3]), { training: true }).logits.shape).toEqual([1, 2]);
  const model = headed(layers.dropout({ name: 'noise', rate: 0.4 }));
  fromLayersModel(model);
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const { history } = await model.fit(tf.ones([4, 4, 4, 3]), tf.ones([4, 2]), {
    epochs: 1,
    verbose: 0,
  });
  expect(history.loss).toHaveLength(1);
});

function headed(noise: KerasLayer): LayersModel {
  return sequential({
    layers: [
      layers.inputLayer({ inputShape: [4, 4, 3] }),
      noise,
      layers.globalAveragePooling2d({}),
      layers.dense({ name: 'fc', units: 2 }),
    ],
  });
}

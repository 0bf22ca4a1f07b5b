import { compile } from '@kd/core';
import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
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
import {
  convBnRelu,
  createNetwork,
  dense,
  dropout,
  fromLayersModel,
  globalAveragePool,
} from '../src/index.ts';

onEveryEngine(() => {
  test('in training, the share is 0 and the rest is scaled so that the mean stays', async () => {
    const layer = dropout({ rate: 0.25 })('drop', 0);
    const x = tf.ones([100, 100]);
    const seed = seedTensor(3, 5);
    await expectNoNewTensors(() => {
      const y = layer.apply(x, { training: true, seed });
      const values = Array.from(y.dataSync());
      expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
      const zeros = values.filter((value) => value === 0).length / values.length;
      expect(Math.abs(zeros - 0.25)).toBeLessThan(0.015);
      y.dispose();
    });
    tf.dispose([x, seed]);
  });

  test('the mask is the same for the same seed and name, on every engine, and another for others', () => {
    const maskOf = (name: string, a: number, b: number) => {
      const y = dropout({ rate: 0.5 })(name, 0).apply(tf.ones([20]), {
        training: true,
        seed: seedTensor(a, b),
      });
      return Array.from(y.dataSync(), (value) => (value === 0 ? '0' : '1')).join('');
    };
    expect(maskOf('drop', 1, 2)).toBe(MASK);
    expect(maskOf('drop', 1, 2)).toBe(MASK);
    expect(
      new Set([MASK, maskOf('drop', 2, 2), maskOf('drop', 1, 3), maskOf('other', 1, 2)]).size,
    ).toBe(4);
  });

  test('at inference x passes, with and without a seed', () => {
    const layer = dropout({ rate: 0.5 })('drop', 0);
    const x = tf.tensor1d([1, -2, 3]);
    for (const mode of [{ training: false }, { training: false, seed: seedTensor(1, 2) }]) {
      expect(Array.from(layer.apply(x, mode).dataSync())).toEqual([1, -2, 3]);
    }
  });

  test('what is dropped has no gradient, and the rest that of the scaled', () => {
    const layer = dropout({ rate: 0.5 })('drop', 0);
    const x = tf.tensor2d([0.3, -0.6, 0.9, 1.2, -0.2, 0.5], [2, 3]);
    const mode = { training: true, seed: seedTensor(1, 2) };
    const loss = (input: tf.Tensor) => tf.sum(tf.square(layer.apply(input, mode))) as tf.Scalar;
    expectClose(tf.grad(loss)(x).dataSync(), numericalGradient(loss, x, 0.01), 2e-3);
  });

  test('compiled once, it drops others at every seed, as it does uncompiled', () => {
    const layer = dropout({ rate: 0.5 })('drop', 0);
    const run = compile((x: tf.Tensor, seed: tf.Tensor1D) =>
      layer.apply(x, { training: true, seed }),
    );
    const x = tf.ones([64]);
    const masks = [1, 2, 3].map((step) => {
      const compiled = Array.from(run(x, seedTensor(7, step)).dataSync());
      expect(compiled).toEqual(
        Array.from(layer.apply(x, { training: true, seed: seedTensor(7, step) }).dataSync()),
      );
      return compiled.join('');
    });
    expect(new Set(masks).size).toBe(3);
  });

  test('in a network it has no weights, and no feature is lost at fused inference', () => {
    const network = createNetwork({
      name: 'own',
      seed: 0,
      layers: {
        conv: convBnRelu(3, 4),
        pooled: globalAveragePool(),
        drop: dropout({ rate: 0.5 }),
        fc: dense({ from: 4, to: 2 }),
      },
      taps: ['pooled', 'drop'],
    });
    expect(Object.keys(network.weights).filter((name) => name.startsWith('drop'))).toEqual([]);
    const images = tf.fill([2, 4, 4, 3], 0.3) as tf.Tensor4D;
    const { logits, features } = network.forward(images, { training: false });
    const fused = network.inference?.().forward(images);
    expectClose(fused?.logits.dataSync() ?? [], logits.dataSync(), 1e-5);
    expectClose(fused?.features.drop?.dataSync() ?? [], features.pooled?.dataSync() ?? [], 1e-5);
    network.dispose();
  });
});

test('a training without a seed, and rates that are none, are refused', () => {
  expect(() =>
    dropout({ rate: 0.5 })('head.drop', 0).apply(tf.ones([2]), { training: true }),
  ).toThrow(
    'head.drop: expected a seed to draw from in training, got none; train() gives one, and so may you: forward(images, { training: true, seed }).',
  );
  expect(() => dropout({ rate: 1 })).toThrow(
    'dropout: expected 0 ≤ rate < 1, got 1; 0.5 is usual before a dense layer.',
  );
});

/** Of `drop` under the seed [1, 2]. */
const MASK = '11010101111100001011';

function seedTensor(first: number, second: number): tf.Tensor1D {
  return tf.tensor1d([first, second], 'int32');
}

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
        const noiseAt = (step: number) =>
          tf.tidy(() => {
            const seed = tf.tensor1d([9, step], 'int32');
            return Array.from(
              network.forward(images, { training: true, seed }).features.noise?.dataSync() ?? [],
            );
          });
        const plain = tf.tidy(() =>
          Array.from(network.forward(images, { training: false }).features.noise?.dataSync() ?? []),
        );
        expect(noiseAt(1)).toEqual(noiseAt(1));
        expect(new Set([noiseAt(1), noiseAt(2), plain].map((values) => values.join())).size).toBe(
          3,
        );
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

import { fingerprint } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import {
  fromLayersModel,
  imagenetNormalization,
  type PreprocessingOptions,
  profile,
  summary,
} from '../src/index.ts';
import { checkedPreprocessor } from '../src/preprocessing/preprocess.ts';

onEveryEngine(() => {
  test("gives the model's logits and taps, moves its averages in training only, and frees everything", async () => {
    const images = tf.fill([2, 8, 8, 3], 0.25) as tf.Tensor4D;
    await expectNoNewTensors(async () => {
      const model = classifier();
      const network = fromLayersModel(model, { taps: ['act', 'pooled'], name: 'own' });
      expect(network.featureInfo).toEqual({
        act: { channels: 4, stride: 2 },
        pooled: { channels: 4, stride: 0 },
      });
      const before = await fingerprint(network);
      const outputs = network.forward(images, { training: false });
      const direct = model.predict(images) as tf.Tensor;
      expectClose(outputs.logits.dataSync(), direct.dataSync(), 1e-6);
      expect(outputs.features.act?.shape).toEqual([2, 4, 4, 4]);
      expect(outputs.features.pooled?.shape).toEqual([2, 4]);
      for (let pass = 0; pass < 3; pass++) {
        const { logits, features } = network.forward(images, { training: false });
        tf.dispose([logits, features]);
      }
      expect(await fingerprint(network)).toEqual(before);
      const trained = network.forward(images, { training: true });
      expect((await fingerprint(network)).weights).not.toBe(before.weights);
      tf.dispose([outputs.logits, outputs.features, direct, trained.logits, trained.features]);
      network.dispose();
    });
    images.dispose();
  });

  test('resizes and normalizes its images if asked to', () => {
    const model = classifier();
    const prepare: PreprocessingOptions = {
      size: 8,
      interpolation: 'bicubic',
      normalize: imagenetNormalization,
    };
    const network = fromLayersModel(model, { prepare });
    expect(network.preprocessing).toBe(
      'resize(8, bicubic, antialias), centerCrop(8), normalize(mean 0.485 0.456 0.406, std 0.229 0.224 0.225)',
    );
    const images = tf.randomUniform([2, 12, 20, 3], 0, 1, 'float32', 1) as tf.Tensor4D;
    const [own, direct] = tf.tidy(() => [
      network.forward(images, { training: false }).logits.dataSync(),
      (model.predict(checkedPreprocessor('test', prepare).prepare(images)) as tf.Tensor).dataSync(),
    ]);
    expectClose(own as Float32Array, direct as Float32Array, 1e-6);
    images.dispose();
    network.dispose();
  });

  test('gradients reach the weights that train', () => {
    const model = classifier();
    (model.layers[0] as layers.Layer).trainable = false;
    const network = fromLayersModel(model);
    const images = tf.fill([2, 8, 8, 3], 0.25) as tf.Tensor4D;
    const trainable = Object.values(network.weights).filter((weight) => weight.trainable);
    const { value, grads } = tf.variableGrads(
      () => tf.mean(tf.square(network.forward(images, { training: true }).logits)),
      trainable,
    );
    expect(Object.keys(grads)).toHaveLength(4);
    tf.dispose([value, grads, images]);
    network.dispose();
  });
});

test('weights are named after their layers and keep whether they train', () => {
  const model = classifier();
  (model.layers[0] as layers.Layer).trainable = false;
  const network = fromLayersModel(model);
  expect(
    Object.fromEntries(
      Object.entries(network.weights).map(([name, weight]) => [name, weight.trainable]),
    ),
  ).toEqual({
    'conv.kernel': false,
    'conv.bias': false,
    'bn.gamma': true,
    'bn.beta': true,
    'bn.moving_mean': false,
    'bn.moving_variance': false,
    'fc.kernel': true,
    'fc.bias': true,
  });
  network.dispose();
});

test('two models with layers of the same names live side by side', () => {
  const [one, two] = [fromLayersModel(classifier()), fromLayersModel(classifier())];
  expect(Object.keys(one.weights)).toEqual(Object.keys(two.weights));
  one.dispose();
  two.dispose();
});

test('layers report themselves: frozen weights are parameters, running averages are not', () => {
  const network = fromLayersModel(classifier());
  const macs = 4 * 4 * 9 * 3 * 4 + 4 * 5;
  expect(profile(network, [8, 8, 3])).toEqual({
    parameters: 112 + 8 + 25,
    bytes: 4 * (145 + 8),
    macs,
    flops: 2 * macs,
  });
  expect(summary(network, [8, 8, 3])).toContain(
    'conv    Conv2D                  4 × 4 × 4         112  3,456',
  );
  network.dispose();
});

test('models without logits, and unknown taps, are refused', () => {
  expect(() => fromLayersModel(classifier('softmax'))).toThrow(
    'fromLayersModel: expected logits from the last layer, got softmax in fc; build it without the activation: distillation divides logits by a temperature.',
  );
  expect(() => fromLayersModel(classifier(), { taps: ['stage1'] })).toThrow(
    'fromLayersModel: expected taps among the layers conv, bn, act, pooled, fc, got stage1.',
  );
  const network = fromLayersModel(classifier(), { name: 'own' });
  expect(() => network.forward(tf.zeros([1, 8, 8, 1]), { training: false })).toThrow(
    'own: expected feature maps [batch, height, width, 3], got [1, 8, 8, 1].',
  );
});

function classifier(activation?: 'softmax'): LayersModel {
  return sequential({
    layers: [
      layers.conv2d({
        name: 'conv',
        inputShape: [8, 8, 3],
        filters: 4,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
      }),
      layers.batchNormalization({ name: 'bn' }),
      layers.activation({ name: 'act', activation: 'relu' }),
      layers.globalAveragePooling2d({ name: 'pooled' }),
      layers.dense({ name: 'fc', units: 5, ...(activation && { activation }) }),
    ],
  });
}

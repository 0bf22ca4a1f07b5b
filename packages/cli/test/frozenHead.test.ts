import { type Network, uniform } from '@kd/core';
import { dataLoader, imageDataset, randomCrop, randomHorizontalFlip } from '@kd/data';
import { memoryStore } from '@kd/files';
import { combine, crossEntropy } from '@kd/losses';
import {
  convBnRelu,
  createNetwork,
  dense,
  dropout,
  freeze,
  globalAveragePool,
  maxPool,
  resnet,
  splitBackbone,
} from '@kd/models';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import {
  cachedBatches,
  cacheOutputs,
  type EpochReport,
  evaluate,
  layerwiseLearningRate,
  sgd,
  train,
} from '@kd/trainer';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

const set = channelImages();
const createLoader = () =>
  dataLoader(set, {
    batchSize: 8,
    seed: 3,
    augmentations: [randomCrop({ padding: 1 }), randomHorizontalFlip()],
    viewCount: 2,
  });
const common = {
  objective: combine({ hard: crossEntropy() }),
  optimizer: sgd({ momentum: 0.9 }),
  learningRate: 0.1,
  epochs: 4,
  seed: 5,
};

const networks: Record<string, () => Network> = {
  ResNet: () =>
    resnet({
      depth: { block: 'basic', blocks: [1, 1, 1, 1] },
      stem: 'cifar',
      width: 0.0625,
      classes: 3,
      seed: 1,
    }),
  'dropout before the head': () =>
    createNetwork({
      name: 'dropping',
      seed: 1,
      layers: {
        stage: convBnRelu(3, 8),
        pool: maxPool(),
        pooled: globalAveragePool(),
        drop: dropout({ rate: 0.5 }),
        fc: dense({ from: 8, to: 3 }),
      },
    }),
};

onEveryEngine(() => {
  test.each(Object.entries(networks))(
    '%s: a head trained on cached features is the head trained through the frozen backbone',
    async (_, make) => {
      await expectNoNewTensors(async () => {
        const through = freeze(withAverages(make()), 'body');
        const before = copyWeights(through);
        const throughReports = await trained(through, createLoader());
        const moved = Object.keys(before).filter(
          (name) => !same(before[name] as Float32Array, through.weights[name] as tf.Variable),
        );
        expect(moved).toEqual(['fc.kernel', 'fc.bias']);

        const whole = withAverages(make());
        const { backbone, head } = splitBackbone(whole);
        const [store, source] = [memoryStore(), createLoader()];
        await cacheOutputs({ backbone, data: source, store });
        const features = await cachedBatches({ backbone, data: source, store });
        const cachedReports = await trained(head, features);

        for (const [name, weight] of Object.entries(through.weights))
          expectClose((whole.weights[name] as tf.Variable).dataSync(), weight.dataSync(), 2e-5);
        const losses = (reports: typeof cachedReports) =>
          reports.map(({ terms }) => terms.total as number);
        expectClose(losses(cachedReports), losses(throughReports), 1e-5);
        const [one, other] = [await evaluate(head, features), await evaluate(whole, source)];
        expectClose([one.loss, one.top1], [other.loss, other.top1], 1e-5);
        head.dispose();
        whole.dispose();
        through.dispose();
      });
    },
  );

  test('then all of it is tuned, the backbone at a tenth of the rate', async () => {
    await expectNoNewTensors(async () => {
      const network = freeze(withAverages((networks.ResNet as () => Network)()), {
        upTo: 'stage2',
      });
      const before = copyWeights(network);
      const optimizer = layerwiseLearningRate(sgd({ momentum: 0.9 }), { fc: 1, '': 0.1 });
      for await (const _ of train({
        ...common,
        student: network,
        data: createLoader(),
        optimizer,
        epochs: 1,
      }));
      const still = Object.keys(before).filter((name) =>
        same(before[name] as Float32Array, network.weights[name] as tf.Variable),
      );
      expect(still).toEqual(
        Object.keys(before).filter((name) => /^(stem|stage1|stage2)\./.test(name)),
      );
      network.dispose();
    });
  });
});

/** Trains, and checks that no step leaves a tensor behind. */
async function trained(student: Network, source: ReturnType<typeof createLoader>) {
  const [reports, tensors] = [[] as EpochReport[], [] as number[]];
  const onStep = () => tensors.push(tf.memory().numTensors);
  for await (const report of train({ ...common, student, data: source, onStep }))
    reports.push(report);
  expect(new Set(tensors.slice(4)).size).toBe(1);
  return reports;
}

/** Sets the averages of batch norm as after a training, the same every time. */
function withAverages(network: Network): Network {
  for (const [at, [name, weight]] of Object.entries(network.weights).entries()) {
    if (!/\.(mean|variance)$/.test(name)) continue;
    const values = Float32Array.from(
      { length: weight.size },
      (_, index) => (name.endsWith('mean') ? 0.2 : 1) * uniform(7, at, index),
    );
    tf.tidy(() => weight.assign(tf.tensor(values, weight.shape)));
  }
  return network;
}

function copyWeights(network: Network): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(network.weights).map(([name, weight]) => [
      name,
      Float32Array.from(weight.dataSync()),
    ]),
  );
}

function same(before: Float32Array, weight: tf.Variable): boolean {
  return weight.dataSync().every((value, at) => Object.is(value, before[at]));
}

/** 32 images, 8 × 8 × 3, brighter in the channel of their class. */
function channelImages() {
  const pixels = Uint8Array.from({ length: 32 * 192 }, (_, at) => {
    const row = Math.floor(at / 192);
    return Math.floor(120 * uniform(1, row, at % 192)) + (at % 3 === row % 3 ? 100 : 0);
  });
  const labels = Array.from({ length: 32 }, (_, row) => row % 3);
  return imageDataset({
    pixels,
    labels,
    imageShape: [8, 8, 3],
    classNames: ['red', 'green', 'blue'],
    name: 'patches',
  });
}

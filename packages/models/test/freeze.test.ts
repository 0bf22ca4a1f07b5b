import type { ForwardOptions, Network } from '@kd/core';
import { expectClose, explainStartFailure, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cifarResnet,
  convBnRelu,
  createNetwork,
  dense,
  dropout,
  freeze,
  globalAveragePool,
  maxPool,
  simKdStudent,
  splitBackbone,
  studentCnn,
  tutorialCnn,
  unfreeze,
} from '../src/index.ts';
import {
  moved,
  networksFor,
  numbersOf,
  testFrozen,
  testSplit,
  trainStep,
} from './networkSuites.ts';
import { testImages } from './smallNetworks.ts';

onEveryEngine((engine) => {
  testFrozen(networksFor(engine));

  test('no activation of a frozen body is kept for the backward pass, and its kernels stay joined', async () => {
    const network = small();
    const images = testImages();
    const kept = () =>
      tf.tidy(() => {
        const before = tf.memory().numTensors;
        let during = 0;
        tf.variableGrads(() => {
          const { logits } = network.forward(images, {
            training: true,
            seed: tf.tensor1d([1, 2], 'int32'),
          });
          during = tf.memory().numTensors - before;
          return tf.mean<tf.Scalar>(logits);
        }, trainableOf(network));
        return during;
      });
    const whole = kept();
    freeze(network, 'body');
    // The logits, the three taps, the seed, and what dropout and the dense layer keep.
    expect(kept()).toBeLessThanOrEqual(20);
    expect(kept()).toBeLessThan(whole / 2);
    const { kernels } = await tf.profile(() =>
      tf.tidy(
        () =>
          tf.variableGrads(
            () =>
              tf.mean<tf.Scalar>(
                network.forward(images, { training: true, seed: tf.tensor1d([1, 2], 'int32') })
                  .logits,
              ),
            trainableOf(network),
          ).value,
      ),
    );
    const names = kernels.map(({ name }) => name);
    expect(names.filter((name) => name === 'FusedConv2D')).toHaveLength(2);
    expect(names.filter((name) => /norm|Backprop|MaxPoolGrad/i.test(name))).toEqual([]);
    tf.dispose([images, network.weights]);
  });
});

describe('a frozen network', () => {
  beforeAll(async () => {
    await explainStartFailure('cpu');
  });

  test('freezes up to a named layer, trains all behind it, and unfreezes', () => {
    const network = small();
    const training = () =>
      Object.keys(network.weights).filter(
        (name) => (network.weights[name] as tf.Variable).trainable,
      );
    const all = training();
    expect(all).toEqual([
      'stage1.conv.kernel',
      'stage1.bn.scale',
      'stage1.bn.offset',
      'stage2.conv.kernel',
      'stage2.bn.scale',
      'stage2.bn.offset',
      'fc.kernel',
      'fc.bias',
    ]);
    expect(freeze(network, 'body')).toBe(network);
    expect(training()).toEqual(['fc.kernel', 'fc.bias']);
    freeze(network, { upTo: 'stage1' });
    expect(training()).toEqual(all.slice(3));
    const images = testImages();
    const before = numbersOf(network);
    trainStep(network, images);
    expect(moved(network, before)).toEqual(Object.keys(network.weights).slice(5));
    expect(unfreeze(network)).toBe(network);
    expect(training()).toEqual(all);
    trainStep(network, images);
    expect(moved(network, before)).toEqual(Object.keys(network.weights));
    tf.dispose([images, network.weights]);
  });

  test('follows weights that are loaded after it was frozen', () => {
    const network = freeze(small(), 'body');
    const images = testImages();
    const logits = (mode: ForwardOptions) =>
      tf.tidy(() => network.forward(images, mode).features.pooled?.dataSync() as Float32Array);
    const before = logits({ training: true, seed: tf.tensor1d([1, 2], 'int32') });
    tf.tidy(() => (network.weights['stage1.bn.variance'] as tf.Variable).assign(tf.fill([4], 3)));
    const after = logits({ training: true, seed: tf.tensor1d([1, 2], 'int32') });
    expectClose(after, logits({ training: false }), 1e-5);
    expect(
      Math.max(...after.map((value, at) => Math.abs(value - (before[at] as number)))),
    ).toBeGreaterThan(1e-3);
    tf.dispose([images, network.weights]);
  });

  test('lets dropout before the head work, and reports its layers', () => {
    const network = freeze(small(), 'body');
    const images = testImages();
    tf.tidy(() => {
      const of = (seed: number[]) =>
        network
          .forward(images, { training: true, seed: tf.tensor1d(seed, 'int32') })
          .logits.dataSync();
      expect(of([1, 2])).not.toEqual(of([1, 3]));
      const reported: string[] = [];
      network.forward(images, {
        training: true,
        seed: tf.tensor1d([1, 2], 'int32'),
        onLayer: ({ name }) => reported.push(name),
      });
      expect(reported).toEqual([
        'stage1.conv',
        'stage1.bn',
        'pool',
        'stage2.conv',
        'stage2.bn',
        'pooled',
        'fc',
      ]);
    });
    tf.dispose([images, network.weights]);
  });

  test('is frozen inside another network too', () => {
    const student = freeze(tutorialCnn({ classes: 10, seed: 1 }), { upTo: 'stage2' });
    const images = testImages();
    const kernel = tf.ones([8, 10]);
    const network = simKdStudent(student, { tap: 'stage2', classifier: { kernel }, seed: 1 });
    const before = numbersOf(network);
    trainStep(network, images);
    expect(moved(network, before).filter((name) => !name.startsWith('projector.'))).toEqual([]);
    network.dispose();
    tf.dispose([images, kernel]);
  });

  test('names what it cannot freeze', () => {
    const network = small();
    expect(() => freeze(network, { upTo: 'stage9' })).toThrow(
      'freeze: expected a layer of small (stage1, pool, stage2, pooled, drop, fc), got stage9.',
    );
    const bare = createNetwork({
      name: 'bare',
      seed: 1,
      layers: { pooled: globalAveragePool(), fc: dense({ from: 3, to: 2 }) },
    });
    expect(() => freeze(bare, 'body')).toThrow(
      'freeze: expected weights in the first layers of bare, got none; name a later layer: upTo.',
    );
    const own: Network = { name: 'own', weights: {}, forward: network.forward, dispose: () => {} };
    expect(() => freeze(own, 'body')).toThrow(
      'freeze: expected a network of createNetwork, whose layers are known, got own.',
    );
    tf.dispose([network.weights, bare.weights]);
  });
});

function small() {
  return createNetwork({
    name: 'small',
    seed: 1,
    layers: {
      stage1: convBnRelu(3, 4),
      pool: maxPool(),
      stage2: convBnRelu(4, 8),
      pooled: globalAveragePool(),
      drop: dropout({ rate: 0.5 }),
      fc: dense({ from: 8, to: 10 }),
    },
    taps: ['stage1', 'stage2', 'pooled'],
  });
}

function trainableOf(network: Network): tf.Variable[] {
  return Object.values(network.weights).filter((weight) => weight.trainable);
}

const inference = { training: false };

onEveryEngine((engine) => {
  testSplit(networksFor(engine));
});

describe('a split network', () => {
  beforeAll(async () => {
    await explainStartFailure('cpu');
  });

  test('is split at the requested layer; taps, key maps and preprocessing go with the parts', () => {
    const network = cifarResnet({ depth: 8, classes: 10, seed: 1 });
    const { backbone: body, head } = splitBackbone(network, { upTo: 'stage2' });
    expect([body.name, body.end, body.featureNames, body.preprocessing]).toEqual([
      'ResNet-8 up to stage2',
      'stage2',
      ['stage1', 'stage2'],
      network.preprocessing,
    ]);
    expect(Object.keys(head.featureInfo ?? {})).toEqual(['stage3', 'pooled']);
    expect([head.name, head.head, head.keyMaps]).toEqual([
      'head of ResNet-8 behind stage2',
      'fc',
      network.keyMaps,
    ]);
    expect(Object.keys(head.weights).every((name) => /^(stage3|fc)\./.test(name))).toBe(true);
    network.dispose();
  });

  test('leaves dropout before the classifier to the head', () => {
    const layers = {
      stage: convBnRelu(3, 4),
      pooled: globalAveragePool(),
      drop: dropout({ rate: 0.5 }),
      fc: dense({ from: 4, to: 2 }),
    };
    const network = createNetwork({ name: 'dropping', seed: 1, layers });
    expect(splitBackbone(network).backbone.end).toBe('pooled');
    network.dispose();
  });

  test('is refused where it cannot be split, and a head names the input it takes', () => {
    const network = studentCnn({ classes: 10, seed: 1 });
    expect(() => splitBackbone(network, { upTo: 'fc' })).toThrow(
      'splitBackbone: expected layers behind the backbone of studentCnn 16-32-64, got none; name a layer before fc: upTo.',
    );
    expect(() => splitBackbone(network, { upTo: 'stage9' })).toThrow(
      'splitBackbone: expected a layer of studentCnn 16-32-64 (stage1, pool1,',
    );
    const own: Network = { name: 'own', weights: {}, forward: network.forward, dispose: () => {} };
    expect(() => splitBackbone(own)).toThrow(
      'splitBackbone: expected a network of createNetwork, whose layers are known, got own.',
    );
    const { head } = splitBackbone(network);
    const maps = tf.zeros<tf.Rank.R4>([2, 2, 2, 64]);
    expect(() => head.forward(maps, inference)).toThrow(
      "head of studentCnn 16-32-64 behind pooled: expected vectors as maps of 1 × 1, got 2 × 2; pass the backbone's output: cacheOutputs, cachedBatches.",
    );
    tf.dispose([maps, network.weights]);
  });
});

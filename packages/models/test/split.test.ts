import type { Network } from '@kd/core';
import { expectClose, expectNoNewTensors, explainStartFailure, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cifarResnet,
  convBnRelu,
  createNetwork,
  dense,
  dropout,
  globalAveragePool,
  splitBackbone,
  studentCnn,
} from '../src/index.ts';
import { makers, pictures } from './makers.ts';

const inference = { training: false };

onEveryEngine(() => {
  test.each(Object.entries(makers))(
    '%s: head after body says what the network says',
    async (_, make) => {
      const images = pictures();
      await expectNoNewTensors(() => {
        const network = make();
        const { backbone: body, head } = splitBackbone(network);
        tf.tidy(() => {
          const said = body.forward(images);
          const whole = network.forward(images, inference);
          for (const tap of body.featureNames)
            expectClose(
              (said[tap] as tf.Tensor).dataSync(),
              (whole.features[tap] as tf.Tensor).dataSync(),
              1e-5,
            );
          const end = said[body.end] as tf.Tensor;
          const dealt =
            end.rank === 4 ? (end as tf.Tensor4D) : tf.reshape<tf.Rank.R4>(end, [2, 1, 1, -1]);
          expectClose(
            head.forward(dealt, inference).logits.dataSync(),
            whole.logits.dataSync(),
            1e-5,
          );
          if (head.inference !== undefined)
            expectClose(
              head.inference().forward(dealt).logits.dataSync(),
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
});

describe('a network in two', () => {
  beforeAll(async () => {
    await explainStartFailure('cpu');
  });

  test('is cut where it is told to; taps, names and identity go with the halves', () => {
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

  test('says where it cannot be cut, and what the head takes', () => {
    const network = studentCnn({ classes: 10, seed: 1 });
    expect(() => splitBackbone(network, { upTo: 'fc' })).toThrow(
      'split: expected layers behind the body of studentCnn 16-32-64, got none; name a layer before fc: upTo.',
    );
    expect(() => splitBackbone(network, { upTo: 'stage9' })).toThrow(
      'split: expected a layer of studentCnn 16-32-64 (stage1, pool1,',
    );
    const own: Network = { name: 'own', weights: {}, forward: network.forward, dispose: () => {} };
    expect(() => splitBackbone(own)).toThrow(
      'split: expected a network of createNetwork, whose layers are known, got own.',
    );
    const { head } = splitBackbone(network);
    const maps = tf.zeros<tf.Rank.R4>([2, 2, 2, 64]);
    expect(() => head.forward(maps, inference)).toThrow(
      'head of studentCnn 16-32-64 behind pooled: expected vectors as maps of 1 × 1, got 2 × 2; deal what the body gives: cacheFeatures.',
    );
    tf.dispose([maps, network.weights]);
  });
});

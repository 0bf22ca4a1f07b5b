import '@tensorflow/tfjs-backend-cpu';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Graph, Network } from '@kd/core';
import { networkGraph } from '@kd/models/graph';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runGraph } from '../../src/graph/runGraph.ts';
import { calibrate, exportLiteRt, type LiteRtOptions } from '../../src/index.ts';
import { openLiteRtJs } from '../../src/node/runtimes/litertJs.ts';
import { denseOperation, graphOf, node, sameConvolution } from '../support/graphs.ts';
import { networks, scatter } from '../support/networks.ts';
import { operationGraphs } from '../support/operations.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-litert-'));
afterAll(() => rmSync(root, { recursive: true }));
beforeAll(async () => {
  await tf.setBackend('cpu');
});

const kinds = ['float32', 'float16', 'int8 weights', 'int8', 'uint8 ends'] as const;
type Kind = (typeof kinds)[number];

/** Largest difference from our engine, as a share of the largest logit. */
const tolerances: Readonly<Record<Kind, number>> = {
  float32: 1e-4,
  float16: 2e-3,
  'int8 weights': 3e-2,
  int8: 8e-2,
  'uint8 ends': 8e-2,
};

async function optionsOf(kind: Kind, graph: Graph, images: tf.Tensor4D): Promise<LiteRtOptions> {
  switch (kind) {
    case 'float32':
      return {};
    case 'float16':
      return { weights: 'float16' };
    case 'int8 weights':
      return { weights: 'int8' };
    default: {
      const calibration = await calibrate(graph, [images], { method: 'minMax' });
      return { calibration, ends: kind === 'int8' ? 'float32' : 'uint8' };
    }
  }
}

/** Pixels of bytes, so that files with uint8 input get the same. */
function imagesOf({ input }: Graph): tf.Tensor4D {
  return tf.tidy(() => {
    const bytes = tf.randomUniform([3, ...input.shape], 0, 256, 'int32', 7);
    return tf.div(tf.cast(bytes, 'float32'), 255) as tf.Tensor4D;
  });
}

/** Holds a file, run by LiteRT.js, against our engine. */
async function expectRunsAs(graph: Graph, kind: Kind, looser = 1): Promise<void> {
  const images = imagesOf(graph);
  const values = runGraph(graph, images);
  const logits = (values[graph.logits] as tf.Tensor).dataSync<'float32'>();
  const file = path.join(root, 'model.tflite');
  writeFileSync(file, exportLiteRt(graph, await optionsOf(kind, graph, images)));
  const model = await (await openLiteRtJs()).load(file, {
    imageShape: graph.input.shape,
    layout: 'nhwc',
    classes: logits.length / 3,
  });
  const answers = await model.run(images.dataSync<'float32'>(), 3);
  await model.close();
  const size = logits.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(answers.values.length).toBe(logits.length);
  const scaled = kind === 'uint8 ends' ? fitted(answers.values, logits) : answers.values;
  const difference = logits.reduce(
    (most, value, at) => Math.max(most, Math.abs(value - (scaled[at] as number))),
    0,
  );
  expect(difference / size).toBeLessThan(looser * tolerances[kind]);
  tf.dispose([images, values]);
}

/** The line through bytes that is nearest to the logits: LiteRT.js does not tell their scale. */
function fitted(bytes: Float32Array, logits: Float32Array): Float32Array {
  const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value) / values.length;
  const [x, y] = [mean(bytes), mean(logits)];
  const products = bytes.map((value, at) => (value - x) * ((logits[at] as number) - y));
  const squares = bytes.map((value) => (value - x) ** 2);
  const slope = mean(products) / (mean(squares) || 1);
  return bytes.map((value) => y + slope * (value - x));
}

describe('in LiteRT.js', { timeout: 30_000 }, () => {
  describe.each(['float32', 'int8'] as const)('%s:', (kind) => {
    test.each(Object.entries(operationGraphs))('%s is as in our engine', async (name, graph) => {
      // The minimum of three is small beside its inputs, and so are 8 bits of these.
      await expectRunsAs(graph, kind, name.startsWith('minimum') ? 4 : 1);
    });

    test.each(Object.entries(networks))('%s is as in our engine', async (_, [create, side]) => {
      await expectRunsAs(graphOfNetwork(create, side), kind);
    });
  });

  test.each(['float16', 'int8 weights', 'uint8 ends'] as const)(
    'ResNet-20 with %s is as in our engine',
    async (kind) => {
      const [create, side] = networks['cifarResnet, identity'] as (typeof networks)[string];
      await expectRunsAs(graphOfNetwork(create, side), kind);
    },
  );
});

test('uint8 probabilities are 256ths of those of our engine', { timeout: 30_000 }, async () => {
  const [create, side] = networks['cifarResnet, identity'] as (typeof networks)[string];
  const graph = graphOfNetwork(create, side);
  const images = imagesOf(graph);
  const values = runGraph(graph, images);
  const expected = tf.softmax(values[graph.logits] as tf.Tensor);
  const options = await optionsOf('uint8 ends', graph, images);
  const file = path.join(root, 'probabilities.tflite');
  writeFileSync(file, exportLiteRt(graph, { ...options, output: 'probabilities' }));
  const model = await (await openLiteRtJs()).load(file, {
    imageShape: graph.input.shape,
    layout: 'nhwc',
    classes: 10,
  });
  const answers = await model.run(images.dataSync<'float32'>(), 3);
  await model.close();
  expected.dataSync<'float32'>().forEach((value, at) => {
    expect(Math.abs((answers.values[at] as number) / 256 - value)).toBeLessThan(0.05);
  });
  tf.dispose([images, values, expected]);
});

function graphOfNetwork(create: () => Network, side: number): Graph {
  const network = create();
  scatter(network);
  const graph = networkGraph(network, { imageShape: [side, side, 3] });
  network.dispose();
  return graph;
}

const small = graphOf(
  [6, 8, 3],
  [
    node('conv', ['images'], [6, 8, 64], sameConvolution([3, 3, 3, 64], 1)),
    node('pooled', ['conv'], [64], { kind: 'globalPool', function: 'average', keepsMaps: false }),
    node('fc', ['pooled'], [3], denseOperation(64, 3, 2)),
  ],
);

test('kernels take half and a quarter of the bytes, those of few numbers beside int8 stay float32', () => {
  const bytes = (options: LiteRtOptions) => exportLiteRt(small, options).length;
  const [whole, halves, integers] = [{}, { weights: 'float16' }, { weights: 'int8' }] as const;
  const saved = (options: LiteRtOptions) => bytes(whole) - bytes(options);
  expect(saved(halves)).toBeGreaterThan(0.8 * 2 * 1728);
  expect(saved(integers)).toBeGreaterThan(0.5 * 3 * 1728);
  expect(saved(integers)).toBeLessThan(3 * 1728);
});

test('the file says what it is: identifier, names of classes, signature', () => {
  const file = exportLiteRt(small, {
    classNames: ['left', 'right', 'none'],
    output: 'probabilities',
  });
  const text = Buffer.from(file).toString('latin1');
  expect(text.slice(4, 8)).toBe('TFL3');
  for (const part of ['left\nright\nnone', 'serving_default', 'images', 'probabilities'])
    expect(text).toContain(part);
});

describe('is refused:', () => {
  test.each([
    [
      'a weight that is NaN',
      { weights: 'float32' },
      Number.NaN,
      'expected finite weights in conv.kernel, got NaN; its training has diverged: take an earlier checkpoint.',
    ],
    [
      'uint8 ends without a calibration',
      { ends: 'uint8' },
      1,
      'expected a calibration for uint8 ends, got none; calibrate(graph, images).',
    ],
    [
      'a calibration of another graph',
      { calibration: { ranges: {}, means: {} } },
      1,
      'expected a range of images, got none; calibrate this very graph.',
    ],
    [
      'uint8 ends of images that are prepared outside',
      {
        ends: 'uint8',
        calibration: {
          ranges: {
            images: { min: -2, max: 2 },
            conv: { min: 0, max: 1 },
            pooled: { min: 0, max: 1 },
          },
          means: {},
        },
      },
      1,
      'expected images 0–1 for uint8 ends, got -2 to 2; prepared outside of the file they are no pixels.',
    ],
    ['names of other classes', { classNames: ['a'] }, 1, 'expected names of 64 classes, got 1.'],
  ] as const)('%s', (_, options, weight, message) => {
    const kernel = { shape: [3, 3, 3, 64], values: new Float32Array(1728).fill(weight) };
    const graph = graphOf(
      [6, 8, 3],
      [
        node('conv', ['images'], [6, 8, 64], { ...sameConvolution([3, 3, 3, 64], 1), kernel }),
        node('pooled', ['conv'], [64], { kind: 'globalPool', function: 'max', keepsMaps: false }),
      ],
    );
    expect(() => exportLiteRt(graph, options)).toThrow(new RangeError(`exportLiteRt: ${message}`));
  });
});

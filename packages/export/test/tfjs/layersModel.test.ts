import '@tensorflow/tfjs-backend-cpu';
import { readFile } from 'node:fs/promises';
import type { Graph } from '@kd/core';
import { networkGraph } from '@kd/models/graph';
import { expectClose } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportTfjs, runGraph, runGraphLogits, type TfjsOptions } from '../../src/index.ts';
import { graphOf, node, sameConvolution } from '../support/graphs.ts';
import { networks, scatter } from '../support/networks.ts';
import { operationGraphs } from '../support/operations.ts';
import { readModelJson, weightsOf } from './runtimes.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Loads a layers model from its files, as `loadLayersModel(url)` does. */
function load(graph: Graph, options: TfjsOptions): Promise<LayersModel> {
  const files = exportTfjs(graph, { format: 'layers', ...options });
  const { modelTopology, weightsManifest, format } = readModelJson(files);
  const [{ weights: weightSpecs }] = weightsManifest;
  return loadLayersModel({
    load: async () => ({ modelTopology, format, weightSpecs, weightData: weightsOf(files) }),
  });
}

/** Holds a layers model against our engine: logits and taps, for batches of 1, 2 and 3. */
async function expectRunsAs(graph: Graph, options: TfjsOptions = {}, tolerance = 1e-5) {
  const model = await load(graph, { taps: true, ...options });
  const named = [graph.logits, ...Object.values(graph.features)];
  for (const batch of [1, 2, 3]) {
    const images = tf.randomUniform<tf.Rank.R4>(
      [batch, ...graph.input.shape],
      0,
      1,
      'float32',
      batch,
    );
    const ours = runGraph(graph, images);
    const theirs = [model.predictOnBatch(images)].flat();
    named.forEach((name, at) => {
      const [expected, got] = [ours[name] as tf.Tensor, theirs[at] as tf.Tensor];
      expect([name, got.shape]).toEqual([name, expected.shape]);
      expectClose(got.dataSync(), expected.dataSync(), tolerance);
    });
    tf.dispose([images, ours, theirs]);
  }
  model.dispose();
}

/** What a layers model of the graph is refused for; undefined where it is written. */
function refusal(graph: Graph): string | undefined {
  try {
    exportTfjs(graph, { format: 'layers' });
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/^.* got (.*); format.*$/, '$1');
  }
}

const graphsOfNetworks = Object.entries(networks).map(([name, [create, side]]) => {
  const network = create();
  scatter(network);
  const graph = networkGraph(network, { imageShape: [side, side, 3], taps: true });
  network.dispose();
  return [name, graph] as const;
});
const hasLayers = ([, graph]: readonly [string, Graph]) => refusal(graph) === undefined;

describe('in tfjs-layers, for batches of 1, 2 and 3,', () => {
  test.each(Object.entries(operationGraphs).filter(hasLayers))(
    '%s is as in our engine',
    async (_, graph) => {
      await expectRunsAs(graph);
    },
  );

  test.each(graphsOfNetworks.filter(hasLayers))('%s is as in our engine', async (_, graph) => {
    await expectRunsAs(graph, {}, 1e-4);
  });

  test('8 and 16 bits are near, probabilities add up to 1', async () => {
    const student = graphsOfNetworks.find(([name]) => name === 'studentCnn')?.[1] as Graph;
    await expectRunsAs(student, { weights: 'uint16' }, 1e-3);
    await expectRunsAs(student, { weights: 'uint8' }, 0.1);
    const model = await load(student, { output: 'probabilities' });
    const answer = model.predictOnBatch(tf.ones([2, 32, 32, 3])) as tf.Tensor;
    expect(model.outputNames).toEqual(['probabilities']);
    expect(tf.sum(answer, -1).arraySync()).toEqual([expect.closeTo(1, 6), expect.closeTo(1, 6)]);
    answer.dispose();
    model.dispose();
  });

  test('it begins a training with our logits, and learns', async () => {
    const student = graphsOfNetworks.find(([name]) => name === 'studentCnn')?.[1] as Graph;
    const model = await load(student, {});
    model.compile({ optimizer: tf.train.sgd(1e-3), loss: 'meanSquaredError' });
    const images = tf.randomUniform<tf.Rank.R4>([2, 32, 32, 3], 0, 1, 'float32', 1);
    const targets = tf.zeros([2, 10]);
    const ours = tf.tidy(() => tf.mean(tf.square(runGraphLogits(student, images))).dataSync()[0]);
    const first = (await model.trainOnBatch(images, targets)) as number;
    const second = (await model.trainOnBatch(images, targets)) as number;
    expect(first / (ours as number)).toBeCloseTo(1, 4);
    expect(second).toBeLessThan(first);
    tf.dispose([images, targets]);
    model.dispose();
  });
});

const convolution = sameConvolution([3, 3, 3, 3], 1);
const rarer: Readonly<Record<string, Graph>> = {
  'a convolution with both': graphOf(
    [6, 8, 3],
    [node('x', ['images'], [2, 3, 3], { ...convolution, strides: [3, 3], dilations: [2, 2] })],
  ),
  'a depthwise one with dilation': graphOf(
    [6, 8, 3],
    [
      node('x', ['images'], [4, 6, 3], {
        ...sameConvolution([3, 3, 1, 3], 1),
        groups: 3,
        dilations: [2, 2],
      }),
    ],
  ),
  'a mean without its uneven padding': graphOf(
    [6, 8, 3],
    [
      node('x', ['images'], [7, 9, 3], {
        kind: 'pool',
        function: 'average',
        size: [2, 2],
        strides: [1, 1],
        pads: { top: 1, bottom: 1, left: 1, right: 1 },
        countsPadding: false,
      }),
    ],
  ),
};

/** What there is no layer for, without the names of operations. */
const lacking = [...Object.values({ ...operationGraphs, ...rarer }).map(refusal)]
  .filter((reason) => reason !== undefined)
  .map((reason) => reason.replace(/ \(.*\)$/, ''));

test('the README lists what layers lack', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const list = [...new Set(lacking)].sort().map((reason) => `- ${reason}`);
  expect(readme).toContain(`\n\n${list.join('\n')}\n`);
});

test('these networks are no layers models, and the error names the layer', () => {
  const refused = graphsOfNetworks.filter((entry) => !hasLayers(entry));
  expect(Object.fromEntries(refused.map(([name, graph]) => [name, refusal(graph)]))).toEqual({
    'cifarResnet, identity': 'padding of channels, or not with zeros (stage2.block0.shortcut)',
    'resnet, basic, imagenet': 'a bicubic resize (images.resized)',
    'mobileNetV2, imagenet': 'a bilinear resize (images.resized)',
    shuffleNetV1: 'a convolution in groups (stage1.block0.branches.body.expand.conv)',
    'shuffleNetV2, cifar': 'a slice of channels (stage1.block1.branches.kept)',
  });
  const [, graph] = refused[0] as readonly [string, Graph];
  expect(() => exportTfjs(graph, { format: 'layers' })).toThrow(
    new RangeError(
      "exportTfjs: expected operations that layers of TF.js compute, got padding of channels, or not with zeros (stage2.block0.shortcut); format: 'graph' has them all, as have ONNX and LiteRT.",
    ),
  );
});

test('auto is a layers model where there can be one, else a graph model', () => {
  const formats = ['studentCnn', 'shuffleNetV1'].map((wanted) => {
    const graph = graphsOfNetworks.find(([name]) => name === wanted)?.[1] as Graph;
    return readModelJson(exportTfjs(graph, { format: 'auto' })).format;
  });
  expect(formats).toEqual(['layers-model', 'graph-model']);
});

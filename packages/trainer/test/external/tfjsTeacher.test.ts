import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expectNoNewTensors, onEveryEngine, temporaryDirectories } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { tfjsTeacher } from '../../src/node/index.ts';
import { onCpu } from '../helpers/cpu.ts';
import { expectTorchOutputs, messageOf, normalized, predictImages, tiny } from './tiny.ts';

const emptyDirectory = temporaryDirectories();
const features = { map: 'map', pooled: 'pooled' };

/** Writes a model as `tensorflowjs_converter` does. */
function written(
  artifacts: Pick<tf.io.ModelArtifacts, 'modelTopology' | 'weightSpecs' | 'format'>,
  weights: Uint8Array,
  change = {},
): string {
  const directory = path.join(emptyDirectory(), 'tiny');
  mkdirSync(directory);
  const { weightSpecs, ...rest } = artifacts;
  const manifest = [
    { paths: ['group1-shard1of2.bin', 'group1-shard2of2.bin'], weights: weightSpecs },
  ];
  writeFileSync(
    path.join(directory, 'model.json'),
    JSON.stringify({ ...rest, weightsManifest: manifest, ...change }),
  );
  writeFileSync(path.join(directory, 'group1-shard1of2.bin'), weights.subarray(0, 100));
  writeFileSync(path.join(directory, 'group1-shard2of2.bin'), weights.subarray(100));
  return directory;
}

const weightSpecs: tf.io.WeightsManifestEntry[] = [
  { name: 'kernel', shape: [3, 3, 3, 4], dtype: 'float32' },
  { name: 'bias', shape: [4], dtype: 'float32' },
  { name: 'dense', shape: [4, 5], dtype: 'float32' },
  { name: 'denseBias', shape: [5], dtype: 'float32' },
];
const weights = new Uint8Array(
  Float32Array.from([...tiny.kernel, ...tiny.bias, ...tiny.dense, ...tiny.denseBias]).buffer,
);

/** A GraphDef of the network of the fixtures, in TF.js's JSON. */
function graphModel(change = {}, more: readonly object[] = []): string {
  const float = { T: { type: 'DT_FLOAT' } };
  const constant = ({ name, shape }: tf.io.WeightsManifestEntry) => ({
    name,
    op: 'Const',
    attr: {
      dtype: { type: 'DT_FLOAT' },
      value: {
        tensor: {
          dtype: 'DT_FLOAT',
          tensorShape: { dim: shape.map((size) => ({ size: String(size) })) },
        },
      },
    },
  });
  const ones = { list: { i: ['1', '1', '1', '1'] } };
  const convolution = {
    ...float,
    strides: ones,
    dilations: ones,
    padding: { s: 'U0FNRQ==' },
    dataFormat: { s: 'TkhXQw==' },
  };
  const node = [
    {
      name: 'images',
      op: 'Placeholder',
      attr: {
        dtype: { type: 'DT_FLOAT' },
        shape: { shape: { dim: ['-1', '8', '8', '3'].map((size) => ({ size })) } },
      },
    },
    ...weightSpecs.map(constant),
    {
      name: 'axes',
      op: 'Const',
      attr: {
        dtype: { type: 'DT_INT32' },
        value: { tensor: { dtype: 'DT_INT32', tensorShape: { dim: [{ size: '2' }] } } },
      },
    },
    { name: 'conv', op: 'Conv2D', input: ['images', 'kernel'], attr: convolution },
    { name: 'biased', op: 'BiasAdd', input: ['conv', 'bias'], attr: float },
    { name: 'map', op: 'Relu', input: ['biased'], attr: float },
    {
      name: 'pooled',
      op: 'Mean',
      input: ['map', 'axes'],
      attr: { ...float, keep_dims: { b: false } },
    },
    {
      name: 'product',
      op: 'MatMul',
      input: ['pooled', 'dense'],
      attr: { ...float, transpose_a: { b: false }, transpose_b: { b: false } },
    },
    { name: 'logits', op: 'BiasAdd', input: ['product', 'denseBias'], attr: float },
    { name: 'probabilities', op: 'Softmax', input: ['logits'], attr: float },
    ...more,
  ];
  const specs = [
    ...weightSpecs,
    { name: 'axes', shape: [2], dtype: 'int32' as const },
    { name: 'yes', shape: [], dtype: 'bool' as const },
  ];
  const bytes = new Uint8Array(
    Buffer.concat([weights, new Uint8Array(Int32Array.of(1, 2).buffer), Uint8Array.of(1)]),
  );
  return written(
    { format: 'graph-model', modelTopology: { node, versions: {} }, weightSpecs: specs },
    bytes,
    change,
  );
}

async function layersModel(): Promise<string> {
  const images = layers.input({ shape: [8, 8, 3] });
  const map = layers.layers
    .conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu', name: 'map' })
    .apply(images) as layers.SymbolicTensor;
  const pooled = layers.layers
    .globalAveragePooling2d({ name: 'pooled' } as never)
    .apply(map) as layers.SymbolicTensor;
  const logits = layers.layers
    .dense({ units: 5, name: 'logits' })
    .apply(pooled) as layers.SymbolicTensor;
  const model = layers.model({ inputs: images, outputs: logits });
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  model.dispose();
  return written({ ...(saved as tf.io.ModelArtifacts), format: 'layers-model' }, weights);
}

onEveryEngine(() => {
  test('a graph model gives the outputs of PyTorch, with inner nodes as features, and leaves no tensor', async () => {
    const directory = graphModel();
    await expectNoNewTensors(async () => {
      const teacher = await tfjsTeacher(directory, {
        prepare: normalized,
        output: 'logits',
        features,
      });
      for (let time = 0; time < 2; time++) await expectTorchOutputs(teacher);
      await teacher.dispose();
    });
  });

  test('a softmax output is replaced by its logarithm', async () => {
    const directory = graphModel();
    await expectNoNewTensors(async () => {
      const teacher = await tfjsTeacher(directory, {
        prepare: normalized,
        outputs: 'probabilities',
      });
      await expectTorchOutputs(teacher, true);
      await teacher.dispose();
    });
  });

  test('a graph with control flow does too', async () => {
    const directory = graphModel({}, [
      {
        name: 'yes',
        op: 'Const',
        attr: {
          dtype: { type: 'DT_BOOL' },
          value: { tensor: { dtype: 'DT_BOOL', tensorShape: {} } },
        },
      },
      { name: 'switch', op: 'Switch', input: ['logits', 'yes'], attr: {} },
      { name: 'chosen', op: 'Identity', input: ['switch:1'], attr: {} },
    ]);
    await expectNoNewTensors(async () => {
      const teacher = await tfjsTeacher(directory, { prepare: normalized, output: 'chosen' });
      for (let time = 0; time < 2; time++) await expectTorchOutputs(teacher);
      await teacher.dispose();
    });
  });

  test('a layers model does too, with layers as features', async () => {
    const directory = await layersModel();
    await expectNoNewTensors(async () => {
      const teacher = await tfjsTeacher(directory, { prepare: normalized, features });
      for (let time = 0; time < 2; time++) await expectTorchOutputs(teacher);
      await teacher.dispose();
    });
  });
});

describe('a model of TF.js', () => {
  onCpu();

  test('has a fingerprint of its files, preprocessing and output', async () => {
    const directory = graphModel();
    const teacher = await tfjsTeacher(directory, { output: 'logits' });
    const { weights: before, ...rest } = await teacher.fingerprint();
    expect(rest).toEqual({ name: 'tiny', preprocessing: 'none; logits from logits' });
    const shard = path.join(directory, 'group1-shard2of2.bin');
    const bytes = readFileSync(shard);
    bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3);
    writeFileSync(shard, bytes);
    expect((await (await tfjsTeacher(directory)).fingerprint()).weights).not.toBe(before);
  });

  test('names what does not fit', async () => {
    const graph = graphModel();
    expect(await messageOf(tfjsTeacher(graph, { output: 'scores' }))).toMatch(
      /^tiny: expected names among the nodes of the graph, got scores; such as map, pooled, product, logits, probabilities\.$/,
    );
    expect(await messageOf(tfjsTeacher(await layersModel(), { output: 'scores' }))).toMatch(
      /^tiny: expected names among the layers .*, got scores\.$/,
    );
    expect(await messageOf(tfjsTeacher(graph, { output: 'map', features }))).toMatch(
      'an output and features of different names, got [map, map, pooled]',
    );
    expect(await messageOf(predictImages(await tfjsTeacher(graph)))).toMatch(
      'got rows that are 0–1 and add up to 1; take the output before the softmax',
    );
    expect(await messageOf(predictImages(await tfjsTeacher(graph, { output: 'map' })))).toBe(
      'tiny: expected map of shape [7, classes], got [7, 8, 8, 4].',
    );
    const half = {
      description: 'half',
      prepare: (images: tf.Tensor4D) =>
        tf.tidy(() => tf.image.resizeNearestNeighbor(images, [4, 4])),
    };
    expect(
      await messageOf(predictImages(await tfjsTeacher(graph, { prepare: half, output: 'logits' }))),
    ).toBe(
      'tiny: expected images [, 8, 8, 3], got [7, 4, 4, 3] after preprocessing; check prepare, which resizes.',
    );
  });

  test.each([
    [
      'another format',
      { format: 'keras' },
      /model\.json: expected format graph-model or layers-model, got keras/,
    ],
    [
      'weights elsewhere',
      { weightsManifest: [{ paths: ['../x.bin'], weights: [] }] },
      /expected weight files beside it, got "\.\.\/x\.bin"/,
    ],
    [
      'too few weights',
      { weightsManifest: [{ paths: ['group1-shard1of2.bin'], weights: weightSpecs }] },
      /got 100; a file is cut short, or of another model/,
    ],
    ['no weights', { weightsManifest: [{}] }, /paths and weights in the weightsManifest/],
    [
      'a wrong shape',
      { weightsManifest: [{ paths: [], weights: [{ name: 'a', shape: [-1], dtype: 'float32' }] }] },
      /expected a shape of a, got \[-1\]/,
    ],
    [
      'text for numbers',
      { weightsManifest: [{ paths: [], weights: [{ name: 'a', shape: [1], dtype: 'string' }] }] },
      /expected a known dtype for a, got string/,
    ],
  ])('with %s is refused by name', async (_, change, message) => {
    expect(await messageOf(tfjsTeacher(graphModel(change)))).toMatch(message);
  });
});

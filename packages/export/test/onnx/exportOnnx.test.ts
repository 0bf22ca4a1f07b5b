import type { Graph, GraphOperation } from '@kd/core';
import { float16Table } from '@kd/files';
import { expectClose } from '@kd/testing';
import { describe, expect, test } from 'vitest';
import { exportOnnx } from '../../src/onnx/exportOnnx.ts';
import { denseOperation, graphOf, node, sameConvolution } from '../support/graphs.ts';
import { dataType, operatorsOf, readOnnx } from './readOnnx.ts';
import { expectRunsAs, imagesOf, onCpu, runFile, runReference } from './runtimes.ts';

const pool: GraphOperation = {
  kind: 'pool',
  function: 'max',
  size: [2, 2],
  strides: [2, 2],
  countsPadding: false,
  pads: { top: 0, bottom: 0, left: 0, right: 0 },
};

/** A convolution of 432 numbers, a depthwise one of 144, and a dense layer of 2,560 after maps. */
function smallGraph(stem: string, pooled: string): Graph {
  const nodes = [
    node(stem, ['images'], [8, 8, 16], {
      ...sameConvolution([3, 3, 3, 16], 1),
      activation: 'relu',
    }),
    node('depthwise', [stem], [8, 8, 16], {
      ...sameConvolution([3, 3, 1, 16], 2),
      groups: 16,
      activation: 'relu6',
    }),
    node(pooled, ['depthwise'], [4, 4, 16], pool),
    node('flat', [pooled], [256], { kind: 'reshape' }),
    node('fc', ['flat'], [10], denseOperation(256, 10, 3)),
  ];
  return graphOf([8, 8, 3], nodes, { stem, pooled });
}

const small = smallGraph('stem', 'pool');

const smoothed = graphOf(
  [8, 8, 3],
  [
    node('resize', ['images'], [4, 4, 3], {
      kind: 'resize',
      interpolation: 'bilinear',
      antialias: true,
    }),
    node('flat', ['resize'], [48], { kind: 'reshape' }),
    node('fc', ['flat'], [10], denseOperation(48, 10, 3)),
  ],
);

const names = ['plane', 'car', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

describe('a file', () => {
  test('has opset 17 and IR 8, an open batch, float32 ends and one transposition', () => {
    const { irVersion, opset, inputs, outputs, nodes } = readOnnx(exportOnnx(small));
    expect([irVersion, opset]).toEqual([8, 17]);
    expect(inputs).toEqual([{ name: 'images', type: dataType.float32, dims: ['batch', 8, 8, 3] }]);
    expect(outputs).toEqual([{ name: 'logits', type: dataType.float32, dims: ['batch', 10] }]);
    expect(nodes.map(({ operator }) => operator)).toEqual([
      'Transpose',
      'Conv',
      'Relu',
      'Conv',
      'Clip',
      'MaxPool',
      'Reshape',
      'Gemm',
    ]);
  });

  test('writes pads out, and never a way to find them', () => {
    const { nodes } = readOnnx(exportOnnx(small));
    const spatial = nodes.filter(({ operator }) => ['Conv', 'MaxPool'].includes(operator));
    expect(spatial.map(({ attributes }) => attributes.pads)).toEqual([
      [1, 1, 1, 1],
      [1, 1, 1, 1],
      [0, 0, 0, 0],
    ]);
    expect(nodes.flatMap(({ attributes }) => Object.keys(attributes))).not.toContain('auto_pad');
  });

  test('has weights of its own alone, as PyTorch lays them out', () => {
    const { tensors } = readOnnx(exportOnnx(small));
    const shapes = Object.fromEntries(tensors.map(({ name, dims }) => [name, dims]));
    expect(shapes).toMatchObject({
      'stem.kernel': [16, 3, 3, 3],
      'depthwise.kernel': [16, 1, 3, 3],
      'fc.kernel': [10, 256],
      'fc.bias': [10],
    });
  });

  test('of a graph that resizes with antialias has opset 18 and IR 8', () => {
    const { irVersion, opset } = readOnnx(exportOnnx(smoothed));
    expect([irVersion, opset]).toEqual([8, 18]);
  });

  test.each([
    [13, 7],
    [16, 8],
    [18, 8],
    [19, 9],
    [21, 10],
    [23, 11],
  ] as const)('of opset %i has the IR %i of its time', (opset, version) => {
    const contents = readOnnx(exportOnnx(small, { opset }));
    expect([contents.opset, contents.irVersion]).toEqual([opset, version]);
  });

  test('has class names, what comes out and other texts in its metadata', () => {
    const file = exportOnnx(small, { classNames: names, metadata: { preprocessing: 'none' } });
    expect(readOnnx(file).metadata).toEqual({
      output: 'logits',
      classNames: JSON.stringify(names),
      preprocessing: 'none',
    });
  });

  test('has taps as outputs on request, with the axes of the input', () => {
    const outputsOf = (options: object) =>
      readOnnx(exportOnnx(small, { taps: true, ...options })).outputs.map(({ name, dims }) => [
        name,
        dims,
      ]);
    expect(outputsOf({})).toEqual([
      ['logits', ['batch', 10]],
      ['stem', ['batch', 8, 8, 16]],
      ['pooled', ['batch', 4, 4, 16]],
    ]);
    expect(outputsOf({ inputLayout: 'nchw' })).toEqual([
      ['logits', ['batch', 10]],
      ['stem', ['batch', 16, 8, 8]],
      ['pooled', ['batch', 16, 4, 4]],
    ]);
  });

  test('with the channels first has no transposition', () => {
    const file = exportOnnx(small, { inputLayout: 'nchw' });
    expect(readOnnx(file).inputs[0]?.dims).toEqual(['batch', 3, 8, 8]);
    expect(operatorsOf(file)).not.toContain('Transpose');
  });

  test('stores a tap that is the logits, and one value under two names', () => {
    const features = { first: 'stem', second: 'stem', last: 'fc' };
    const file = exportOnnx({ ...small, features }, { taps: true, inputLayout: 'nchw' });
    expect(readOnnx(file).outputs.map(({ name }) => name)).toEqual([
      'logits',
      'first',
      'second',
      'last',
    ]);
    expect(operatorsOf(file).filter((operator) => operator === 'Identity')).toHaveLength(2);
  });
});

describe('in onnxruntime-node', () => {
  onCpu();

  test('a file gives our logits and taps, also with values that have the names of outputs', async () => {
    await expectRunsAs(small);
    await expectRunsAs(smoothed);
    await expectRunsAs(smallGraph('logits', 'stem'));
  });

  test('probabilities are the softmax of the logits', async () => {
    const images = imagesOf([8, 8, 3], 2);
    const { probabilities } = await runFile(exportOnnx(small, { output: 'probabilities' }), images);
    const logits = runReference(small, images).logits?.data as Float32Array;
    const expected = [0, 1].flatMap((row) => {
      const powers = [...logits.slice(10 * row, 10 * row + 10)].map(Math.exp);
      const sum = powers.reduce((left, right) => left + right, 0);
      return powers.map((power) => power / sum);
    });
    expectClose(probabilities?.data as Float32Array, expected, 1e-5);
  });

  test.each([13, 17, 23])('opset %i computes the same', async (opset) => {
    await expectRunsAs(small, { opset });
  });
});

describe('weights', () => {
  test('of half precision are halves and a Cast, from 256 numbers on', () => {
    const { tensors, nodes } = readOnnx(exportOnnx(small, { weights: 'float16' }));
    const halves = tensors.filter(({ type }) => type === dataType.float16);
    expect(halves.map(({ name, dims }) => [name, dims])).toEqual([
      ['stem.kernel', [16, 3, 3, 3]],
      ['fc.kernel', [10, 256]],
    ]);
    const [first] = new Uint16Array(halves[1]?.bytes.slice().buffer as ArrayBuffer);
    const dense = small.nodes.at(-1) as Extract<Graph['nodes'][number], { kind: 'dense' }>;
    expectClose(
      [float16Table()[first as number] as number],
      [dense.kernel.values[0] as number],
      2 ** -11,
    );
    expect(nodes.filter(({ operator }) => operator === 'Cast')).toHaveLength(2);
  });

  test('of 8 bits are integers, a Cast and a Mul, and never a DequantizeLinear', () => {
    const { tensors, nodes } = readOnnx(exportOnnx(small, { weights: 'int8' }));
    const integers = tensors.filter(({ type }) => type === dataType.int8);
    expect(integers.map(({ name, dims }) => [name, dims])).toEqual([
      ['stem.kernel', [16, 3, 3, 3]],
      ['fc.kernel', [10, 256]],
    ]);
    const scales = tensors.filter(({ name }) => name.startsWith('scale'));
    expect(scales.map(({ dims }) => dims)).toEqual([
      [16, 1, 1, 1],
      [10, 1],
    ]);
    const operators = nodes.map(({ operator }) => operator);
    expect(operators).not.toContain('DequantizeLinear');
    expect(operators.filter((operator) => operator === 'Mul')).toHaveLength(2);
  });
});

describe('is refused:', () => {
  const withBias = (value: number): Graph => ({
    ...small,
    nodes: small.nodes.map((each) =>
      each.kind === 'dense'
        ? { ...each, bias: { shape: [10], values: new Float32Array(10).fill(value) } }
        : each,
    ),
  });
  const withKernel = (value: number): Graph => ({
    ...small,
    nodes: small.nodes.map((each) =>
      each.kind === 'dense'
        ? { ...each, kernel: { shape: [256, 10], values: new Float32Array(2560).fill(value) } }
        : each,
    ),
  });

  test.each<[string, () => unknown, string]>([
    [
      'a NaN among the weights',
      () => exportOnnx(withBias(Number.NaN)),
      'finite weights in fc.bias, got NaN; its training has diverged: take an earlier checkpoint.',
    ],
    [
      'an infinite weight',
      () => exportOnnx(withKernel(Number.NEGATIVE_INFINITY)),
      'finite weights in fc.kernel, got -Infinity; its training has diverged: take an earlier checkpoint.',
    ],
    [
      'an opset that is too old',
      () => exportOnnx(small, { opset: 12 }),
      'an opset from 13 on, got 12; leave it out, and it is 17.',
    ],
    [
      'an opset that lacks an operation',
      () => exportOnnx(smoothed, { opset: 17 }),
      'an opset from 18 on for resize, a resize with antialias, got 17; leave it out, and it is 18.',
    ],
    [
      'an opset of the future',
      () => exportOnnx(small, { opset: 40 }),
      'an opset up to 23, got 40; leave it out, and it is 17.',
    ],
    [
      'names of other classes',
      () => exportOnnx(small, { classNames: ['cat', 'dog'] }),
      'names of 10 classes, got 2; they are those of the data that the network was trained on.',
    ],
    [
      'a tap with the name of the output',
      () => exportOnnx({ ...small, features: { logits: 'stem' } }, { taps: true }),
      'taps of other names than logits and images, got logits; give the tap another name.',
    ],
    [
      'an operation that nobody knows',
      () =>
        exportOnnx({
          ...small,
          nodes: [{ name: 'x', inputs: ['images'], shape: [10], kind: 'fft' }] as never,
          logits: 'x',
        }),
      'an operation that ONNX files are written with, got fft in x.',
    ],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(new RangeError(`exportOnnx: expected ${message}`));
  });

  test('a weight that overflows half precision', () => {
    expect(() => exportOnnx(withKernel(65_520), { weights: 'float16' })).toThrow(
      new RangeError(
        "exportOnnx: fc.kernel: expected numbers from −65504 to 65504 in float16, got 65520; use weights: 'float32'.",
      ),
    );
  });
});

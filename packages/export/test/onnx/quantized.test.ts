import { expectClose } from '@kd/testing';
import { describe, expect, test } from 'vitest';
import { exportOnnx } from '../../src/onnx/exportOnnx.ts';
import { denseOperation, graphOf, node, sameConvolution } from '../support/graphs.ts';
import { operationGraphs } from '../support/operations.ts';
import { dataType, readOnnx } from './readOnnx.ts';
import { calibrationOf, imagesOf, onCpu, runFile, runReference } from './runtimes.ts';

const noPads = { top: 0, bottom: 0, left: 0, right: 0 };

/** A convolution whose outputs are about as large as its inputs. */
function mild(shape: readonly [number, number, number, number], seed: number) {
  const operation = sameConvolution(shape, seed);
  const { kernel } = operation;
  const fan = kernel.values.length / (shape[3] as number);
  const values = kernel.values.map((value) => value / Math.sqrt(fan));
  return { ...operation, kernel: { ...kernel, values } };
}

/** Every kind of operation that has integers, and a few between them that have none. */
const graph = graphOf(
  [8, 8, 3],
  [
    node('scaled', ['images'], [8, 8, 3], {
      kind: 'channelAffine',
      scale: { shape: [1], values: Float32Array.of(2) },
      offset: { shape: [1], values: Float32Array.of(-1) },
      activation: 'linear',
    }),
    node('stem', ['scaled'], [8, 8, 8], { ...mild([3, 3, 3, 8], 1), activation: 'relu' }),
    node('depthwise', ['stem'], [8, 8, 8], {
      ...mild([3, 3, 1, 8], 2),
      groups: 8,
      activation: 'relu6',
    }),
    node('project', ['depthwise'], [8, 8, 8], mild([1, 1, 8, 8], 3)),
    node('sum', ['project', 'stem'], [8, 8, 8], {
      kind: 'arithmetic',
      function: 'add',
      activation: 'relu',
    }),
    node('max', ['sum'], [4, 4, 8], {
      kind: 'pool',
      function: 'max',
      size: [2, 2],
      strides: [2, 2],
      pads: noPads,
      countsPadding: false,
    }),
    node('wide', ['max'], [4, 4, 8], mild([3, 3, 8, 8], 4)),
    node('swish', ['wide'], [4, 4, 8], { kind: 'activation', function: 'swish' }),
    node('both', ['swish', 'max'], [4, 4, 16], { kind: 'concat' }),
    node('mean', ['both'], [2, 2, 16], {
      kind: 'pool',
      function: 'average',
      size: [2, 2],
      strides: [2, 2],
      pads: noPads,
      countsPadding: false,
    }),
    node('flat', ['mean'], [64], { kind: 'reshape' }),
    node('fc', ['flat'], [10], denseOperation(64, 10, 5)),
  ],
);

describe('a file of static quantization', () => {
  onCpu();

  // Kernels of 8 bits give other logits on CPUs without VNNI, where sums of two products saturate.
  test('gives nearly our logits on every CPU, with kernels of 7 bits', async () => {
    const calibration = await calibrationOf(graph);
    const images = imagesOf(graph.input.shape, 3);
    const { logits } = await runFile(exportOnnx(graph, { calibration, reduceRange: true }), images);
    const ours = runReference(graph, images).logits?.data as Float32Array;
    const theirs = logits?.data as Float32Array;
    const error = Math.hypot(...ours.map((value, at) => value - (theirs[at] as number)));
    expect(logits?.dims).toEqual([3, 10]);
    expect(error / Math.hypot(...ours)).toBeLessThan(0.05);
  });

  test('has int8 kernels, int32 biases of the scale of the products, and uint8 values', async () => {
    const { tensors, nodes } = readOnnx(
      exportOnnx(graph, { calibration: await calibrationOf(graph) }),
    );
    const find = (name: string | undefined) => tensors.find((tensor) => tensor.name === name);
    const floats = (name: string | undefined) =>
      new Float32Array(find(name)?.bytes.slice().buffer as ArrayBuffer);
    for (const { name } of graph.nodes.filter(({ kind }) => kind === 'convolution')) {
      const conv = nodes.find(
        ({ operator, outputs }) => operator === 'Conv' && outputs[0] === name,
      );
      const [input, kernel, bias] = (conv?.inputs ?? []).map(
        (value) => nodes.find(({ outputs }) => outputs[0] === value)?.inputs ?? [],
      );
      expect(kernel?.[0]).toBe(`${name}.kernel`);
      expect([kernel, bias].map((parts) => find(parts?.[0])?.type)).toEqual([
        dataType.int8,
        dataType.int32,
      ]);
      const [inputScale] = floats(input?.[1]);
      const products = floats(kernel?.[1]).map((scale) => scale * (inputScale as number));
      expect(floats(bias?.[1])).toEqual(products);
    }
    const quantize = nodes.filter(({ operator }) => operator === 'QuantizeLinear');
    expect(quantize.map(({ inputs }) => find(inputs[2])?.type)).toEqual(
      quantize.map(() => dataType.uint8),
    );
    expect(quantize.map(({ inputs }) => inputs[0])).toEqual([
      'scaled',
      'stem',
      'depthwise',
      'project',
      'sum',
      'max',
      'wide',
      'swish',
      'both',
      'mean',
      'flat',
    ]);
  });

  test.each(Object.entries(operationGraphs))(
    '%s runs, and nearly as in our engine',
    async (_, of) => {
      const calibration = await calibrationOf(of);
      const images = imagesOf(of.input.shape, 2);
      const file = exportOnnx(of, { calibration, reduceRange: true, taps: true });
      const outputs = await runFile(file, images);
      for (const [name, { data, dims }] of Object.entries(runReference(of, images))) {
        expect([name, outputs[name]?.dims]).toEqual([name, dims]);
        expectClose(outputs[name]?.data as Float32Array, data, 0.06);
      }
    },
  );

  test('has float32 taps', async () => {
    const features = { stem: 'stem', sum: 'sum', flat: 'flat' };
    const tapped = { ...graph, features };
    const calibration = await calibrationOf(graph);
    const images = imagesOf(graph.input.shape, 2);
    const outputs = await runFile(
      exportOnnx(tapped, { calibration, reduceRange: true, taps: true }),
      images,
    );
    for (const [name, { data, dims }] of Object.entries(runReference(tapped, images))) {
      expect([name, outputs[name]?.dims]).toEqual([name, dims]);
      expectClose(outputs[name]?.data as Float32Array, data, 0.05);
    }
  });

  test('computes no activation that rounding to a range is', async () => {
    const calibration = await calibrationOf(graph);
    const { nodes } = readOnnx(exportOnnx(graph, { calibration }));
    const operators = nodes.map(({ operator }) => operator);
    expect(operators).not.toContain('Relu');
    expect(operators).not.toContain('Clip');
    expect(nodes.at(-1)?.outputs).toEqual(['logits']);
  });

  test('moves values without rounding them again', async () => {
    const { nodes } = readOnnx(exportOnnx(graph, { calibration: await calibrationOf(graph) }));
    const parametersOf = (name: string) =>
      nodes
        .find(({ operator, inputs }) => operator === 'QuantizeLinear' && inputs[0] === name)
        ?.inputs.slice(1);
    expect(parametersOf('max')).toEqual(parametersOf('sum'));
    expect(parametersOf('flat')).toEqual(parametersOf('mean'));
  });

  test('a bias too large for 32 bits widens the scale of its weights', async () => {
    const nodes = graph.nodes.map((each) => {
      if (each.name !== 'project' || each.kind !== 'convolution') return each;
      const values = each.kernel.values.map((value, at) => (at % 8 === 2 ? value * 1e-9 : value));
      return { ...each, kernel: { ...each.kernel, values } };
    });
    const faint = { ...graph, nodes };
    const images = imagesOf(graph.input.shape, 2);
    const file = exportOnnx(faint, { calibration: await calibrationOf(faint), reduceRange: true });
    const { logits } = await runFile(file, images);
    const ours = runReference(faint, images).logits?.data as Float32Array;
    const theirs = logits?.data as Float32Array;
    const error = Math.hypot(...ours.map((value, at) => value - (theirs[at] as number)));
    expect(error / Math.hypot(...ours)).toBeLessThan(0.05);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    [
      'no range for a value',
      async () => {
        const { means, ranges } = await calibrationOf(graph);
        const { sum: _, ...others } = ranges;
        return exportOnnx(graph, { calibration: { means, ranges: others } });
      },
      'a calibrated range of sum, got nothing; calibrate this very graph.',
    ],
    [
      'float16 weights beside a calibration',
      async () =>
        exportOnnx(graph, { calibration: await calibrationOf(graph), weights: 'float16' }),
      'int8 weights with a calibration, got float16; leave one of them out.',
    ],
    [
      'reduceRange without a calibration',
      async () => exportOnnx(graph, { reduceRange: true }),
      'a calibration for reduceRange, got nothing; calibrate(graph, …).',
    ],
  ])('%s is refused', async (_, run, message) => {
    await expect(run()).rejects.toThrow(new RangeError(`exportOnnx: expected ${message}`));
  });
});

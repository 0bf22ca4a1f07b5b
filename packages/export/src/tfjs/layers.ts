import type { ConvolutionNode, DenseNode, FusedActivation, GraphNodeBase } from '@kd/core';
import { paddingName } from '../graph/paddingName.ts';
import type { NodeAttributes, NodeWriter } from './nodes.ts';
import { padMaps } from './padding.ts';

const activations = { linear: [], relu: ['Relu'], relu6: ['Relu6'] } as const;

/** A convolution with its bias and activation in one operation; groups one after the other. */
export function writeConvolution(
  node: GraphNodeBase & ConvolutionNode,
  writer: NodeWriter,
  x: string,
  given: readonly number[],
): string {
  const { name, kernel, bias, strides, dilations, groups, pads, activation } = node;
  const [height, width, from, to] = kernel.shape as readonly [number, number, number, number];
  const padding = paddingName(pads, given, [height, width], strides, dilations);
  const padded = padding === undefined ? padMaps(writer, name, x, pads, 0) : x;
  const attributes = {
    strides: [1, ...strides, 1],
    dilations: [1, ...dilations, 1],
    padding: padding ?? 'VALID',
    data_format: 'NHWC',
    ...fusing(activation),
  };
  const channels = given[2] as number;
  if (groups > 1 && groups === channels) {
    const shape = [height, width, channels, to / channels];
    const inputs = [
      padded,
      writer.floats(`${name}/kernel`, kernel.values, shape),
      writer.floats(`${name}/bias`, bias.values, [to]),
    ];
    return writer.add('FusedDepthwiseConv2dNative', name, inputs, attributes);
  }
  const own = to / groups;
  const parts = Array.from({ length: groups }, (_, group) => {
    const path = groups === 1 ? name : `${name}/group${group}`;
    const input = groups === 1 ? padded : sliceOf(writer, path, padded, group * from, from);
    const values = groups === 1 ? kernel.values : columnsOf(kernel.values, to, group * own, own);
    const inputs = [
      input,
      writer.floats(`${path}/kernel`, values, [height, width, from, own]),
      writer.floats(`${path}/bias`, bias.values.slice(group * own, (group + 1) * own), [own]),
    ];
    return writer.add('_FusedConv2D', path, inputs, attributes);
  });
  if (groups === 1) return parts[0] as string;
  const axis = writer.integers(`${name}/axis`, [3], []);
  return writer.add('ConcatV2', name, [...parts, axis], { N: groups });
}

/** A product of matrices with its bias and activation; maps are taken as one row a pixel. */
export function writeDense(
  { name, shape, kernel, bias, activation }: GraphNodeBase & DenseNode,
  writer: NodeWriter,
  x: string,
  given: readonly number[],
): string {
  const [from, to] = kernel.shape as readonly [number, number];
  const reshape = (path: string, value: string, sides: readonly number[]) =>
    writer.add('Reshape', path, [value, writer.integers(`${path}/shape`, sides)]);
  const rows = given.length === 1 ? x : reshape(`${name}/rows`, x, [-1, from]);
  const inputs = [
    rows,
    writer.floats(`${name}/kernel`, kernel.values, [from, to]),
    writer.floats(`${name}/bias`, bias.values, [to]),
  ];
  const attributes = { transpose_a: false, transpose_b: false, ...fusing(activation) };
  const product = writer.add('_FusedMatMul', name, inputs, attributes);
  return given.length === 1 ? product : reshape(`${name}/maps`, product, [-1, ...shape]);
}

function fusing(activation: FusedActivation): NodeAttributes {
  return { fused_ops: ['BiasAdd', ...activations[activation]], num_args: 1 };
}

function sliceOf(
  writer: NodeWriter,
  name: string,
  x: string,
  first: number,
  count: number,
): string {
  const begin = writer.integers(`${name}/begin`, [0, 0, 0, first]);
  const size = writer.integers(`${name}/size`, [-1, -1, -1, count]);
  return writer.add('Slice', `${name}/channels`, [x, begin, size]);
}

/** Some of the last side of a kernel, [‥, to]. */
function columnsOf(values: Float32Array, to: number, first: number, count: number): Float32Array {
  const rows = values.length / to;
  const result = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++)
    result.set(values.subarray(row * to + first, row * to + first + count), row * count);
  return result;
}

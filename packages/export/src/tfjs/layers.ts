import type { ConvolutionNode, DenseNode, FusedActivation, GraphNodeBase } from '@kd/core';
import { paddingName } from '../graph/paddingName.ts';
import { splitGroups } from '../graph/splitGroups.ts';
import { concat, padMaps, reshape, slice } from './moves.ts';
import type { NodeAttributes, NodeWriter } from './nodes.ts';

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
  if (groups > 1) {
    const parts = splitGroups(node).map((part, group) => {
      const begin = [0, 0, 0, group * from];
      const own = slice(writer, `${part.name}/channels`, padded, begin, [-1, -1, -1, from]);
      return writeOne(part, writer, own, attributes);
    });
    return concat(writer, name, parts, 4);
  }
  return writeOne(node, writer, padded, attributes);
}

function writeOne(
  { name, kernel, bias }: GraphNodeBase & ConvolutionNode,
  writer: NodeWriter,
  x: string,
  attributes: NodeAttributes,
): string {
  const stored = [
    writer.floats(`${name}/kernel`, kernel.values, kernel.shape),
    writer.floats(`${name}/bias`, bias.values, bias.shape),
  ];
  return writer.add('_FusedConv2D', name, [x, ...stored], attributes);
}

/** A product of matrices with its bias and activation; maps are taken as one row a pixel. */
export function writeDense(
  { name, shape, kernel, bias, activation }: GraphNodeBase & DenseNode,
  writer: NodeWriter,
  x: string,
  given: readonly number[],
): string {
  const [from, to] = kernel.shape as readonly [number, number];
  const rows = given.length === 1 ? x : reshape(writer, `${name}/rows`, x, [-1, from]);
  const inputs = [
    rows,
    writer.floats(`${name}/kernel`, kernel.values, [from, to]),
    writer.floats(`${name}/bias`, bias.values, [to]),
  ];
  const attributes = { transpose_a: false, transpose_b: false, ...fusing(activation) };
  const product = writer.add('_FusedMatMul', name, inputs, attributes);
  return given.length === 1 ? product : reshape(writer, `${name}/maps`, product, [-1, ...shape]);
}

function fusing(activation: FusedActivation): NodeAttributes {
  return { fused_ops: ['BiasAdd', ...activations[activation]], num_args: 1 };
}

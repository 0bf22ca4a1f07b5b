import type { ChannelAffineNode, ConvolutionNode, DenseNode, GraphNodeBase } from '@kd/core';
import { paddingName } from '../graph/paddingName.ts';
import { splitGroups } from '../graph/splitGroups.ts';
import { type Context, floatsOf, type Input, integersOf, quantizationOf } from './context.ts';
import {
  type KernelLayout,
  type KernelNode,
  type StoredKernel,
  storeFloatKernel,
  storeIntegerKernel,
} from './kernels.ts';
import { asFloat, asInteger, type NewOperation, type Value } from './litertWriter.ts';
import { move, padding, reshaping, slicing } from './moves.ts';
import { options } from './schema.ts';

/** A convolution with its bias and activation; groups one after the other. */
export function writeConvolution(
  context: Context,
  node: GraphNodeBase & ConvolutionNode,
  input: Input,
): Value {
  const { name, kernel, strides, dilations, pads, groups } = node;
  const [height, width] = kernel.shape as readonly [number, number];
  const { shape: given } = input.value;
  const same = paddingName(pads, given, [height, width], strides, dilations);
  const side = { name: `${name}/padded`, inputs: [], shape: padded(given, pads) };
  const x: Input =
    same === undefined
      ? {
          name: side.name,
          value: move(context, side, input, [padding(context, name, input, pads)]),
        }
      : input;
  const padName = same ?? 'VALID';
  const channels = given[2] as number;
  if (groups > 1 && groups === channels) return writeDepthwise(context, node, x, padName);
  if (groups === 1) return writePlain(context, node, x, padName);
  return writeGroups(context, node, x, padName);
}

/** A convolution of each group; all have the range of the node, so that nothing is rescaled. */
function writeGroups(
  context: Context,
  node: GraphNodeBase & ConvolutionNode,
  { name: from, value }: Input,
  padName: 'SAME' | 'VALID',
): Value {
  const { name, kernel, shape } = node;
  const { writer, calibration } = context;
  const channels = kernel.shape[2] as number;
  const parts = splitGroups(node).map((part, group): Input => {
    const first = group * channels;
    const own = {
      name: `${part.name}/channels`,
      inputs: [],
      shape: [...value.shape.slice(0, 2), channels],
    };
    const step = slicing(context, own.name, [0, 0, 0, first], own.shape);
    const input = { name: own.name, value: move(context, own, { name: from, value }, [step]) };
    const means = calibration?.means[name]?.slice(first, first + channels);
    return {
      name: part.name,
      value: writePlain(context, part, input, padName, { ranged: name, means }),
    };
  });
  const joined: Omit<NewOperation, 'inputs'> = {
    operator: 'CONCATENATION',
    name,
    shape: [1, ...shape],
    options: options.concatenation(3),
  };
  const quantization = parts[0]?.value.quantization;
  if (quantization === undefined) {
    const float = writer.floats({ ...joined, inputs: floatsOf(context, parts) });
    return { shape, quantization, float };
  }
  const integer = writer.integers({ ...joined, inputs: integersOf(context, parts), quantization });
  return { shape, quantization, integer };
}

function padded(
  [height, width, channels]: readonly number[],
  { top, bottom, left, right }: ConvolutionNode['pads'],
): number[] {
  return [(height as number) + top + bottom, (width as number) + left + right, channels as number];
}

/** What calibration has seen of a layer that is written under another name. */
interface Observed {
  /** The value whose range the result has. */
  readonly ranged: string;
  /** Mean of the input, [channels]. */
  readonly means: Float32Array | undefined;
}

function observedOf({ calibration }: Context, name: string): Observed {
  return { ranged: name, means: calibration?.means[name] };
}

function writePlain(
  context: Context,
  node: GraphNodeBase & ConvolutionNode,
  input: Input,
  padName: 'SAME' | 'VALID',
  observed = observedOf(context, node.name),
): Value {
  const [height, width, from, to] = node.kernel.shape as readonly [number, number, number, number];
  const layout = { order: [3, 0, 1, 2], shape: [to, height, width, from], outputs: 0 };
  const { strides, dilations, activation } = node;
  return writeProduct(context, node, input, layout, observed, ({ kernel, bias }, x) => ({
    operator: 'CONV_2D',
    name: node.name,
    inputs: [x, kernel, bias],
    shape: [1, ...node.shape],
    options: options.convolution(padName, strides, dilations, activation),
  }));
}

function writeDepthwise(
  context: Context,
  node: GraphNodeBase & ConvolutionNode,
  input: Input,
  padName: 'SAME' | 'VALID',
): Value {
  const [height, width, , to] = node.kernel.shape as readonly [number, number, number, number];
  const layout = { order: [2, 0, 1, 3], shape: [1, height, width, to], outputs: 3 };
  const { strides, dilations, activation, groups } = node;
  return writeProduct(
    context,
    node,
    input,
    layout,
    observedOf(context, node.name),
    ({ kernel, bias }, x) => ({
      operator: 'DEPTHWISE_CONV_2D',
      name: node.name,
      inputs: [x, kernel, bias],
      shape: [1, ...node.shape],
      options: options.depthwise(padName, strides, dilations, activation, to / groups),
    }),
  );
}

/** A product of vectors with a matrix, with its bias and activation; maps are rows of one pixel. */
export function writeDense(context: Context, node: GraphNodeBase & DenseNode, input: Input): Value {
  const [from, to] = node.kernel.shape as readonly [number, number];
  const isVector = node.shape.length === 1;
  const { activation, name, shape } = node;
  if (!isVector) {
    const convolution: GraphNodeBase & ConvolutionNode = {
      ...node,
      kind: 'convolution',
      kernel: { shape: [1, 1, from, to], values: node.kernel.values },
      strides: [1, 1],
      dilations: [1, 1],
      groups: 1,
      pads: { top: 0, bottom: 0, left: 0, right: 0 },
    };
    if (shape.length === 3) return writeConvolution(context, convolution, input);
    const rows = shape.slice(0, -1).reduce((product, side) => product * side, 1);
    const maps = reshapeTo(context, `${name}/rows`, input, [rows, 1, from]);
    const mapped = { ...convolution, name: `${name}/product`, shape: [rows, 1, to] };
    const product = writePlain(context, mapped, maps, 'VALID', observedOf(context, name));
    return reshapeTo(context, name, { name: mapped.name, value: product }, shape).value;
  }
  const layout = { order: [1, 0], shape: [to, from], outputs: 0 };
  return writeProduct(
    context,
    node,
    input,
    layout,
    observedOf(context, name),
    ({ kernel, bias }, x) => ({
      operator: 'FULLY_CONNECTED',
      name,
      inputs: [x, kernel, bias],
      shape: [1, to],
      options: options.fullyConnected(activation),
    }),
  );
}

function reshapeTo(context: Context, name: string, input: Input, shape: readonly number[]): Input {
  const node = { name, inputs: [], shape };
  return { name, value: move(context, node, input, [reshaping(context, name, shape)]) };
}

/** Writes a product with stored weights: of integers where there is a calibration. */
function writeProduct(
  context: Context,
  node: KernelNode,
  { name, value }: Input,
  layout: KernelLayout,
  { ranged, means }: Observed,
  operation: (stored: StoredKernel, x: number) => NewOperation,
): Value {
  const { writer, calibration, weights } = context;
  const { shape } = node;
  const range = calibration?.ranges[ranged];
  if (calibration === undefined || range === undefined || value.quantization === undefined) {
    const stored = storeFloatKernel(writer, node, layout, calibration ? 'float32' : weights);
    const float = writer.floats(operation(stored, asFloat(writer, name, value)));
    return { shape, quantization: undefined, float };
  }
  const quantization = quantizationOf(range);
  const own = means && { [node.name]: means };
  const stored = storeIntegerKernel(writer, node, layout, value.quantization, own);
  const integer = writer.integers({
    ...operation(stored, asInteger(writer, name, value)),
    quantization,
  });
  return { shape, quantization, integer };
}

/** A scale and an offset for each channel of maps: a depthwise convolution of 1 × 1. */
export function writeMapAffine(
  context: Context,
  node: GraphNodeBase & ChannelAffineNode,
  input: Input,
): Value {
  const channels = node.shape[2] as number;
  const all = ({ values }: ChannelAffineNode['scale']) =>
    Float32Array.from(
      { length: channels },
      (_, channel) => values[values.length === 1 ? 0 : channel] as number,
    );
  const { name, inputs, shape, activation } = node;
  const convolution: GraphNodeBase & ConvolutionNode = {
    name,
    inputs,
    shape,
    kind: 'convolution',
    kernel: { shape: [1, 1, 1, channels], values: all(node.scale) },
    bias: { shape: [channels], values: all(node.offset) },
    strides: [1, 1],
    dilations: [1, 1],
    groups: channels,
    pads: { top: 0, bottom: 0, left: 0, right: 0 },
    activation,
  };
  return channels === 1
    ? writePlain(context, { ...convolution, groups: 1 }, input, 'VALID')
    : writeDepthwise(context, convolution, input, 'VALID');
}

/** A scale and an offset of vectors, in float32. */
export function writeVectorAffine(
  { writer, calibration }: Context,
  { name, shape, scale, offset, activation }: GraphNodeBase & ChannelAffineNode,
  input: Input,
): Value {
  const whole = [1, ...shape];
  const product = writer.floats({
    operator: 'MUL',
    name: `${name}/product`,
    inputs: [
      asFloat(writer, input.name, input.value),
      writer.constant(`${name}/scale`, scale.values, scale.shape),
    ],
    shape: whole,
    options: options.multiply('linear'),
  });
  const float = writer.floats({
    operator: 'ADD',
    name,
    inputs: [product, writer.constant(`${name}/offset`, offset.values, offset.shape)],
    shape: whole,
    options: options.add(activation),
  });
  const range = calibration?.ranges[name];
  return { shape, quantization: range && quantizationOf(range), float };
}

import type { ChannelAffineNode, ConvolutionNode, DenseNode, GraphNodeBase } from '@kd/core';
import { paddingName } from '../graph/paddingName.ts';
import { type Context, type Input, quantizationOf } from './context.ts';
import {
  type KernelLayout,
  type KernelNode,
  type StoredKernel,
  storeFloatKernel,
  storeIntegerKernel,
} from './kernels.ts';
import type { TensorQuantization } from './litertFile.ts';
import { asFloat, asInteger, type NewOperation, type Value } from './litertWriter.ts';
import { move, padding, slicing } from './moves.ts';
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
  const [, , from, to] = kernel.shape as readonly [number, number, number, number];
  const own = to / groups;
  const parts = Array.from({ length: groups }, (_, group): Input => {
    const path = `${name}/group${group}`;
    const shape = [...x.value.shape.slice(0, 2), from];
    const begin = [0, 0, 0, group * from];
    const steps = [slicing(context, `${path}/channels`, begin, shape)];
    const channelsOf = { name: `${path}/channels`, inputs: [], shape };
    const part = { name: channelsOf.name, value: move(context, channelsOf, x, steps) };
    const convolution = groupOf(node, group, own);
    return {
      name: path,
      value: writePlain(context, { ...convolution, name: path }, part, padName, {
        ranged: name,
        means: context.calibration?.means[name]?.slice(group * from, (group + 1) * from),
      }),
    };
  });
  const [first] = parts as unknown as readonly [Input];
  const { quantization } = first.value;
  const joined: Omit<NewOperation, 'inputs'> = {
    operator: 'CONCATENATION',
    name,
    shape: [1, ...node.shape],
    options: options.concatenation(3),
  };
  const { writer } = context;
  if (quantization === undefined) {
    const inputs = parts.map((part) => asFloat(writer, part.name, part.value));
    return { shape: node.shape, quantization, float: writer.floats({ ...joined, inputs }) };
  }
  const inputs = parts.map((part) => asInteger(writer, part.name, part.value));
  const integer = writer.integers({ ...joined, inputs, quantization });
  return { shape: node.shape, quantization, integer };
}

function padded(
  [height, width, channels]: readonly number[],
  { top, bottom, left, right }: ConvolutionNode['pads'],
): number[] {
  return [(height as number) + top + bottom, (width as number) + left + right, channels as number];
}

/** The convolution of one group. */
function groupOf(
  node: GraphNodeBase & ConvolutionNode,
  group: number,
  own: number,
): GraphNodeBase & ConvolutionNode {
  const { kernel, bias, shape } = node;
  const to = bias.values.length;
  const [height, width, from] = kernel.shape as readonly [number, number, number];
  const rows = kernel.values.length / to;
  const values = new Float32Array(rows * own);
  for (let row = 0; row < rows; row++)
    values.set(
      kernel.values.subarray(row * to + group * own, row * to + (group + 1) * own),
      row * own,
    );
  return {
    ...node,
    groups: 1,
    kernel: { shape: [height, width, from, own], values },
    bias: { shape: [own], values: bias.values.slice(group * own, (group + 1) * own) },
    shape: [...shape.slice(0, 2), own],
  };
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
  const { writer } = context;
  const value = move(context, { name, inputs: [], shape }, input, [
    (x) => ({
      operator: 'RESHAPE',
      name,
      inputs: [x, writer.sides(`${name}/shape`, [1, ...shape])],
      shape: [1, ...shape],
      options: options.reshape(),
    }),
  ]);
  return { name, value };
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
  const input: TensorQuantization = value.quantization;
  const quantization = quantizationOf(range);
  const own = means && { [node.name]: means };
  const stored = storeIntegerKernel(writer, node, layout, input, own);
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

/**
 * Operations that move values without changing them: integers stay integers of the same scale.
 */
import type {
  ConcatNode,
  CropNode,
  GraphNodeBase,
  PadNode,
  Pads,
  ReshapeNode,
  ShuffleChannelsNode,
  SliceChannelsNode,
  SubsampleNode,
} from '@kd/core';
import { type Context, type Input, quantizationOf } from './context.ts';
import type { TensorQuantization } from './litertFile.ts';
import { asFloat, asInteger, bytesOf, type NewOperation, type Value } from './litertWriter.ts';
import { options } from './schema.ts';

/** A step from the number of a tensor to the operation on it. */
export type Step = (x: number) => NewOperation;

/** Runs steps one after the other: on integers where the input has them, else on float32. */
export function move(
  { writer, calibration }: Context,
  { name: own, shape }: GraphNodeBase,
  { name, value }: Input,
  steps: readonly Step[],
): Value {
  const { quantization } = value;
  if (quantization === undefined) {
    const float = steps.reduce((x, step) => writer.floats(step(x)), asFloat(writer, name, value));
    const range = calibration?.ranges[own];
    return { shape, quantization: range && quantizationOf(range), float };
  }
  const integer = steps.reduce(
    (x, step) => writer.integers({ ...step(x), quantization }),
    asInteger(writer, name, value),
  );
  return { shape, quantization, integer };
}

export function writeReshape(
  context: Context,
  node: GraphNodeBase & ReshapeNode,
  input: Input,
): Value {
  return move(context, node, input, [reshaping(context, node.name, node.shape)]);
}

/** Gives a tensor another shape, without the batch. */
export function reshaping({ writer }: Context, name: string, shape: readonly number[]): Step {
  return (x) => {
    const sides = writer.sides(`${name}/shape`, [1, ...shape]);
    return {
      operator: 'RESHAPE',
      name,
      inputs: [x, sides],
      shape: [1, ...shape],
      options: options.reshape(),
    };
  };
}

export function writeSlice(
  context: Context,
  node: GraphNodeBase & SliceChannelsNode,
  input: Input,
): Value {
  const begin = [...node.shape.map(() => 0), node.first];
  return move(context, node, input, [slicing(context, node.name, begin, node.shape)]);
}

export function writeCrop(context: Context, node: GraphNodeBase & CropNode, input: Input): Value {
  const begin = [0, node.top, node.left, 0];
  return move(context, node, input, [slicing(context, node.name, begin, node.shape)]);
}

/** Takes a part of a tensor. @param shape Of the part, without the batch. */
export function slicing(
  { writer }: Context,
  name: string,
  begin: readonly number[],
  shape: readonly number[],
): Step {
  return (x) => ({
    operator: 'SLICE',
    name,
    inputs: [x, writer.sides(`${name}/begin`, begin), writer.sides(`${name}/size`, [1, ...shape])],
    shape: [1, ...shape],
    options: options.slice(),
  });
}

export function writeShuffle(
  context: Context,
  node: GraphNodeBase & ShuffleChannelsNode,
  input: Input,
): Value {
  const { name, shape, groups } = node;
  const channels = shape.at(-1) as number;
  const positions = shape.reduce((product, side) => product * side, 1) / channels;
  const grouped = [positions, groups, channels / groups];
  return move(context, node, input, [
    reshaping(context, `${name}/groups`, grouped),
    (x) => ({
      operator: 'TRANSPOSE',
      name: `${name}/mixed`,
      inputs: [x, context.writer.sides(`${name}/order`, [0, 1, 3, 2])],
      shape: [1, positions, channels / groups, groups],
      options: options.transpose(),
    }),
    reshaping(context, name, shape),
  ]);
}

export function writeSubsample(
  context: Context,
  node: GraphNodeBase & SubsampleNode,
  input: Input,
): Value {
  const { name, shape, stride } = node;
  const { writer } = context;
  return move(context, node, input, [
    (x) => {
      const zeros = writer.sides(`${name}/ends`, [0, 0, 0, 0]);
      const strides = writer.sides(`${name}/strides`, [1, stride, stride, 1]);
      return {
        operator: 'STRIDED_SLICE',
        name,
        inputs: [x, zeros, zeros, strides],
        shape: [1, ...shape],
        options: options.stridedSlice(15),
      };
    },
  ]);
}

export function writePad(context: Context, node: GraphNodeBase & PadNode, input: Input): Value {
  const { name, pads, channels, value } = node;
  const given = value === 0 ? input : withoutIntegers(context, input);
  return move(context, node, given, [padding(context, name, given, pads, value, channels)]);
}

/** The same input, as float32 alone. */
export function withoutIntegers({ writer }: Context, { name, value }: Input): Input {
  const float = asFloat(writer, name, value);
  return { name, value: { shape: value.shape, quantization: undefined, float } };
}

/** Pads maps. @param value 0, or for maps of integers their least one. */
export function padding(
  { writer }: Context,
  name: string,
  { value: { shape, quantization } }: Input,
  { top, bottom, left, right }: Pads,
  value = 0,
  [before, after]: readonly [number, number] = [0, 0],
): Step {
  const [height, width, channels] = shape as readonly [number, number, number];
  const padded = [1, height + top + bottom, width + left + right, channels + before + after];
  return (x) => {
    const counts = [0, 0, top, bottom, left, right, before, after];
    const paddings = writer.sides(`${name}/paddings`, counts, [4, 2]);
    const common = { name: `${name}/padded`, shape: padded };
    if (value === 0)
      return { ...common, operator: 'PAD', inputs: [x, paddings], options: options.pad() };
    const filling =
      quantization === undefined
        ? writer.constant(`${name}/padding`, Float32Array.of(value), [1])
        : lowest(writer, `${name}/padding`, quantization);
    const inputs = [x, paddings, filling];
    return { ...common, operator: 'PADV2', inputs, options: options.padV2() };
  };
}

/** The constant −128, the least integer. */
function lowest(writer: Context['writer'], name: string, quantization: TensorQuantization): number {
  const bytes = bytesOf(Int8Array.of(-128));
  return writer.tensor({ name, shape: [1], type: 'int8', bytes, quantization });
}

/** Joins channels. Integers are brought to the scale of the result first. */
export function writeConcat(
  { writer, calibration }: Context,
  { name, shape }: GraphNodeBase & ConcatNode,
  inputs: readonly Input[],
): Value {
  const operation = (tensors: readonly number[]): NewOperation => ({
    operator: 'CONCATENATION',
    name,
    inputs: tensors,
    shape: [1, ...shape],
    options: options.concatenation(shape.length),
  });
  const range = calibration?.ranges[name];
  const isFloat = range === undefined || inputs.some(({ value }) => !value.quantization);
  if (isFloat) {
    const float = writer.floats(
      operation(inputs.map((input) => asFloat(writer, input.name, input.value))),
    );
    return { shape, quantization: undefined, float };
  }
  const quantization = quantizationOf(range);
  const integers = inputs.map((input) =>
    rescale(writer, input, quantization, asInteger(writer, input.name, input.value)),
  );
  const integer = writer.integers({ ...operation(integers), quantization });
  return { shape, quantization, integer };
}

/** Brings integers to another scale; the same ones stay as they are. */
function rescale(
  writer: Context['writer'],
  { name, value }: Input,
  quantization: TensorQuantization,
  integer: number,
): number {
  const own = value.quantization as TensorQuantization;
  const isSame =
    own.scales[0] === quantization.scales[0] && own.zeroPoint === quantization.zeroPoint;
  if (isSame) return integer;
  return writer.integers({
    operator: 'QUANTIZE',
    name: `${name}/rescaled`,
    inputs: [integer],
    shape: [1, ...value.shape],
    options: options.quantize(),
    quantization,
  });
}

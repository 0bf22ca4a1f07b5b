import type { ArithmeticNode, FusedActivation, GraphNodeBase } from '@kd/core';
import { type Context, floatsOf, type Input, integersOf, quantizationOf } from './context.ts';
import type { LiteRtWriter, NewOperation, Value } from './litertWriter.ts';
import { options } from './schema.ts';

type Operation = Pick<NewOperation, 'operator' | 'options'>;

/** Sums, products and the like. Two inputs are added, subtracted and multiplied as integers. */
export function writeArithmetic(
  context: Context,
  { name, shape, function: which, activation }: GraphNodeBase & ArithmeticNode,
  inputs: readonly Input[],
): Value {
  const { writer, calibration } = context;
  const range = calibration?.ranges[name];
  const quantization = range && quantizationOf(range);
  const whole = [1, ...shape];
  const fusing = operationOf(which, activation);
  const isInteger =
    inputs.length === 2 &&
    fusing !== undefined &&
    which !== 'average' &&
    inputs.every(({ value }) => value.quantization !== undefined);
  if (isInteger && quantization !== undefined) {
    const operation = { ...fusing, name, inputs: integersOf(context, inputs), shape: whole };
    return { shape, quantization, integer: writer.integers({ ...operation, quantization }) };
  }
  const [first, ...others] = floatsOf(context, inputs) as [number, ...number[]];
  const isLast = (at: number) => at === others.length - 1 && which !== 'average';
  let float = others.reduce((x, y, at) => {
    const fused = isLast(at) ? activation : 'linear';
    const operation = operationOf(which, fused) ?? plainOperation(which);
    return writer.floats({ ...operation, name, inputs: [x, y], shape: whole });
  }, first);
  if (which === 'average')
    float = writer.floats({
      operator: 'MUL',
      name: `${name}/mean`,
      inputs: [float, writer.constant(`${name}/share`, Float32Array.of(1 / inputs.length), [1])],
      shape: whole,
      options: options.multiply(activation),
    });
  const isFused = which === 'average' || operationOf(which, activation) !== undefined;
  if (!isFused) float = rectify(writer, name, float, whole, activation);
  return { shape, quantization, float };
}

/** An operation with its activation; undefined for those that cannot have one. */
function operationOf(
  which: ArithmeticNode['function'],
  activation: FusedActivation,
): Operation | undefined {
  switch (which) {
    case 'add':
    case 'average':
      return { operator: 'ADD', options: options.add(activation) };
    case 'subtract':
      return { operator: 'SUB', options: options.subtract(activation) };
    case 'multiply':
      return { operator: 'MUL', options: options.multiply(activation) };
    default:
      return undefined;
  }
}

function plainOperation(which: ArithmeticNode['function']): Operation {
  const operator = which === 'maximum' ? 'MAXIMUM' : 'MINIMUM';
  return { operator, options: options.maximumMinimum() };
}

function rectify(
  writer: LiteRtWriter,
  name: string,
  x: number,
  shape: readonly number[],
  activation: FusedActivation,
): number {
  if (activation === 'linear') return x;
  const operator = activation === 'relu' ? 'RELU' : 'RELU6';
  return writer.floats({ operator, name: `${name}/${activation}`, inputs: [x], shape });
}

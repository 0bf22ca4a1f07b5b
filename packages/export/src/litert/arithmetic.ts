import type { ArithmeticNode, FusedActivation, GraphNodeBase } from '@kd/core';
import { type Context, floatsOf, type Input, integersOf, quantizationOf } from './context.ts';
import type { NewOperation, Value } from './litertWriter.ts';
import { options } from './schema.ts';

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
  const fuses = which === 'add' || which === 'subtract' || which === 'multiply';
  const areIntegers = inputs.every(({ value }) => value.quantization !== undefined);
  if (fuses && inputs.length === 2 && areIntegers && quantization !== undefined) {
    const operation = { ...operationOf(which, activation), name, shape: whole, quantization };
    const integer = writer.integers({ ...operation, inputs: integersOf(context, inputs) });
    return { shape, quantization, integer };
  }
  const [first, ...others] = floatsOf(context, inputs) as [number, ...number[]];
  const combined = others.reduce((x, y, at) => {
    const fused = fuses && at === others.length - 1 ? activation : 'linear';
    return writer.floats({ ...operationOf(which, fused), name, inputs: [x, y], shape: whole });
  }, first);
  if (fuses) return { shape, quantization, float: combined };
  if (which === 'average') {
    const share = writer.constant(`${name}/share`, Float32Array.of(1 / inputs.length), [1]);
    const scaling = { ...operationOf('multiply', activation), name: `${name}/mean`, shape: whole };
    return { shape, quantization, float: writer.floats({ ...scaling, inputs: [combined, share] }) };
  }
  if (activation === 'linear') return { shape, quantization, float: combined };
  const operator = activation === 'relu' ? 'RELU' : 'RELU6';
  const rectified = { operator, name: `${name}/${activation}`, shape: whole } as const;
  return { shape, quantization, float: writer.floats({ ...rectified, inputs: [combined] }) };
}

/** An operation on two values. @param activation Maxima and minima have none. */
function operationOf(
  which: ArithmeticNode['function'],
  activation: FusedActivation,
): Pick<NewOperation, 'operator' | 'options'> {
  switch (which) {
    case 'add':
    case 'average':
      return { operator: 'ADD', options: options.add(activation) };
    case 'subtract':
      return { operator: 'SUB', options: options.subtract(activation) };
    case 'multiply':
      return { operator: 'MUL', options: options.multiply(activation) };
    case 'maximum':
      return { operator: 'MAXIMUM', options: options.maximumMinimum() };
    case 'minimum':
      return { operator: 'MINIMUM', options: options.maximumMinimum() };
    default:
      return which satisfies never;
  }
}

import type { ActivationNode, GraphNodeBase } from '@kd/core';
import { type Context, floatsOf, type Input, integersOf, quantizationOf } from './context.ts';
import type { NewOperation, Value } from './litertWriter.ts';
import { type OperatorName, type Options, options } from './schema.ts';

/** Writes a function of each value: ReLUs of integers as they are, all others in float32. */
export function writeActivation(
  context: Context,
  node: GraphNodeBase & ActivationNode,
  input: Input,
): Value {
  const { name, shape, function: which } = node;
  const { writer, calibration } = context;
  const range = calibration?.ranges[name];
  const quantization = range && quantizationOf(range);
  const isRectifier = which === 'relu' || which === 'relu6';
  if (isRectifier && quantization !== undefined && input.value.quantization !== undefined) {
    const operation: NewOperation = {
      operator: which === 'relu' ? 'RELU' : 'RELU6',
      name,
      inputs: integersOf(context, [input]),
      shape: [1, ...shape],
    };
    return { shape, quantization, integer: writer.integers({ ...operation, quantization }) };
  }
  const [x] = floatsOf(context, [input]) as [number];
  return { shape, quantization, float: writeFunction(context, node, x) };
}

/** Writes a function in float32. @returns The number of its result. */
function writeFunction(
  { writer }: Context,
  { name, shape, function: which, alpha = 1, slopes }: GraphNodeBase & ActivationNode,
  x: number,
): number {
  const step = (operator: OperatorName, inputs: readonly number[], table?: Options) =>
    writer.floats({
      operator,
      name,
      inputs,
      shape: [1, ...shape],
      ...(table && { options: table }),
    });
  const number = (value: number) => writer.constant(`${name}/number`, Float32Array.of(value), [1]);
  const multiply = (a: number, b: number) => step('MUL', [a, b], options.multiply('linear'));
  const add = (a: number, b: number) => step('ADD', [a, b], options.add('linear'));
  switch (which) {
    case 'relu':
      return step('RELU', [x]);
    case 'relu6':
      return step('RELU6', [x]);
    case 'sigmoid':
      return step('LOGISTIC', [x]);
    case 'tanh':
      return step('TANH', [x]);
    case 'softmax':
      return step('SOFTMAX', [x], options.softmax());
    case 'gelu':
      return step('GELU', [x], options.gelu());
    case 'leakyRelu':
      return step('LEAKY_RELU', [x], options.leakyRelu(alpha));
    case 'swish':
      return multiply(x, step('LOGISTIC', [x]));
    case 'hardSigmoid': {
      const line = add(multiply(x, number(0.2)), number(0.5));
      const above = step('MAXIMUM', [line, number(0)], options.maximumMinimum());
      return step('MINIMUM', [above, number(1)], options.maximumMinimum());
    }
    case 'elu':
      return scaledElu(alpha, 1);
    case 'selu':
      return scaledElu(seluAlpha, seluScale);
    case 'softplus': {
      // max(x, 0) + log(1 + exp(−|x|)): nothing overflows.
      const size = step('ABS', [x], options.absolute());
      const power = step('EXP', [multiply(size, number(-1))], options.exponential());
      return add(step('RELU', [x]), step('LOG', [add(power, number(1))]));
    }
    case 'softsign': {
      const size = add(step('ABS', [x], options.absolute()), number(1));
      return step('DIV', [x, size], options.divide());
    }
    case 'prelu': {
      const { values = new Float32Array(), shape: sides = [] } = slopes ?? {};
      const perChannel = [...shape.slice(1).map(() => 1), ...sides].slice(-shape.length);
      return step('PRELU', [x, writer.constant(`${name}/slopes`, values, perChannel)]);
    }
    default:
      return which satisfies never;
  }

  /** scale · x above 0, scale · factor · (eˣ − 1) below. */
  function scaledElu(factor: number, scale: number): number {
    const elu = step('ELU', [x]);
    if (factor === 1 && scale === 1) return elu;
    const below = step('MINIMUM', [elu, number(0)], options.maximumMinimum());
    const above = step('RELU', [x]);
    return add(multiply(below, number(factor * scale)), multiply(above, number(scale)));
  }
}

/** Source: Klambauer et al., "Self-normalizing neural networks", NIPS 2017, equation 2. */
const seluAlpha = 1.673_263_242_354_377_2;
const seluScale = 1.050_700_987_355_480_5;

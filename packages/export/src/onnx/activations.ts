import type { ActivationNode, GraphNodeBase, GraphTensor } from '@kd/core';
import type { OnnxInput, OperationContext } from './context.ts';
import { channelAxis, channelShape } from './layout.ts';
import type { OnnxWriter } from './onnxWriter.ts';

/** Writes a function of each value. */
export function writeActivation(
  node: GraphNodeBase & ActivationNode,
  context: OperationContext,
): void {
  const { writer, inputs, output } = context;
  const [{ name: x }] = inputs as readonly [OnnxInput];
  const alpha = { alpha: { float: node.alpha ?? 1 } };
  const step = (operator: string, of: readonly string[], name: string): string =>
    writer.add(operator, of, writer.unique(name));
  switch (node.function) {
    case 'relu':
    case 'relu6':
      writeClamp(node.function, writer, x, output);
      return;
    case 'sigmoid':
      writer.add('Sigmoid', [x], output);
      return;
    case 'hardSigmoid':
      writer.add('HardSigmoid', [x], output, { alpha: { float: 0.2 }, beta: { float: 0.5 } });
      return;
    case 'tanh':
      writer.add('Tanh', [x], output);
      return;
    case 'elu':
      writer.add('Elu', [x], output, alpha);
      return;
    case 'selu':
      writer.add('Selu', [x], output);
      return;
    case 'leakyRelu':
      writer.add('LeakyRelu', [x], output, alpha);
      return;
    case 'prelu': {
      const { values } = node.slopes as GraphTensor;
      const dims = values.length === 1 ? [1] : channelShape(node.shape, values.length);
      writer.add('PRelu', [x, writer.constant(`${node.name}.slopes`, values, dims)], output);
      return;
    }
    case 'softplus':
      writer.add('Softplus', [x], output);
      return;
    case 'softsign':
      writer.add('Softsign', [x], output);
      return;
    case 'swish':
      writer.add('Mul', [x, step('Sigmoid', [x], 'sigmoid')], output);
      return;
    case 'gelu': {
      // The order of operations that runtimes know as one: x (1 + erf(x / √2)) ½.
      const scaled = step('Div', [x, writer.scalar(Math.SQRT2)], 'scaled');
      const sum = step('Add', [step('Erf', [scaled], 'erf'), writer.scalar(1)], 'sum');
      writer.add('Mul', [step('Mul', [x, sum], 'product'), writer.scalar(0.5)], output);
      return;
    }
    case 'softmax':
      writer.add('Softmax', [x], output, { axis: channelAxis(node.shape) });
      return;
    default:
      node.function satisfies never;
  }
}

/** Writes max(x, 0), or that and at most 6. */
export function writeClamp(
  activation: 'relu' | 'relu6',
  writer: OnnxWriter,
  input: string,
  output: string,
): void {
  if (activation === 'relu') writer.add('Relu', [input], output);
  else writer.add('Clip', [input, writer.scalar(0), writer.scalar(6)], output);
}

import type { ActivationNode, GraphNodeBase } from '@kd/core';
import { expectedError } from '@kd/core';
import type { NodeWriter } from './nodes.ts';

/** Functions that are an operation of their own. */
const operations: Partial<Readonly<Record<ActivationNode['function'], string>>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  selu: 'Selu',
  softplus: 'Softplus',
  softmax: 'Softmax',
};

/** Writes a function of each value. @returns The name of its value. */
export function writeActivation(
  { name, function: which, alpha = 1, slopes }: GraphNodeBase & ActivationNode,
  writer: NodeWriter,
  x: string,
): string {
  const own = operations[which];
  if (own !== undefined) return writer.add(own, name, [x]);
  const number = (value: number) => writer.floats(`${name}/number`, Float32Array.of(value), []);
  const step = (op: string, inputs: readonly string[]) => writer.add(op, name, inputs);
  switch (which) {
    case 'swish':
      return step('Mul', [x, step('Sigmoid', [x])]);
    case 'hardSigmoid': {
      const line = step('AddV2', [step('Mul', [x, number(0.2)]), number(0.5)]);
      return step('ClipByValue', [line, number(0), number(1)]);
    }
    case 'elu': {
      const elu = step('Elu', [x]);
      if (alpha === 1) return elu;
      const below = step('Mul', [step('Minimum', [elu, number(0)]), number(alpha)]);
      return step('AddV2', [step('Relu', [x]), below]);
    }
    case 'leakyRelu':
      return writer.add('LeakyRelu', name, [x], { alpha: { float: alpha } });
    case 'prelu': {
      const { values = new Float32Array(), shape = [] } = slopes ?? {};
      return step('Prelu', [x, writer.floats(`${name}/slopes`, values, shape)]);
    }
    case 'softsign':
      return step('RealDiv', [x, step('AddV2', [step('Abs', [x]), number(1)])]);
    case 'gelu': {
      const erf = step('Erf', [step('Mul', [x, number(Math.SQRT1_2)])]);
      const share = step('Mul', [step('AddV2', [erf, number(1)]), number(0.5)]);
      return step('Mul', [x, share]);
    }
    default:
      throw expectedError('exportTfjs', 'a known activation', which);
  }
}

import type { Tensor } from '@tensorflow/tfjs-core';
import type { TensorData } from '../kernels.ts';
import type { Source } from '../trace/source.ts';
import type { Compiler } from './compiler.ts';

/**
 * The data of an input at a call, uploaded. @param given The arguments, flat. @throws Error where
 * it was disposed of.
 */
export function dataOf(compiler: Compiler, source: Source, given: readonly Tensor[]): TensorData {
  if (source.kind === 'argument') return compiler.uploaded(given[source.index] as Tensor);
  if (source.kind === 'variable') {
    const { variable } = source;
    if (variable.isDisposed)
      throw new Error(
        `compile: expected the variables that the function uses, got ${variable.name} disposed of; compile the function again.`,
      );
    return compiler.uploaded(variable);
  }
  const { dataId, shape, line } = source;
  if (!compiler.backend.tensorMap.has(dataId)) {
    throw new Error(
      `compile: expected the tensor of shape [${shape.join(', ')}] that the function captured at ${line}, got it disposed of; pass it as an argument.`,
    );
  }
  return compiler.uploaded(source);
}

import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dataType } from '../constants.ts';
import type { NodeBackend } from '../kernels.ts';
import type { Trace } from './trace.ts';

/** Upstream's Int64Scalar: a number that TF.js has no type for. */
interface WideScalar {
  readonly valueArray: Int32Array;
}

/**
 * Ids of inputs in a trace. Nothing is uploaded: what was written while tracing is a constant, what
 * was there before is captured.
 */
export function idsWhileTracing(
  { tensorMap }: NodeBackend,
  trace: Trace,
  tensors: readonly (TensorInfo | WideScalar)[],
): number[] {
  return tensors.map((tensor) => {
    if ('valueArray' in tensor) return trace.constant([], dataType.int64, tensor.valueArray);
    return trace.idOf(tensor.dataId, tensorMap.get(tensor.dataId));
  });
}

/** tfjs-node's backend class and kernels, as `scripts/vendor.mjs` bundles them, and their types. */
import type {
  DataId,
  DataStorage,
  DataType,
  KernelBackend,
  Tensor,
  TensorInfo,
} from '@tensorflow/tfjs-core';
import type { Attribute } from '../capi/attributes.ts';
import { dataType } from '../capi/types.ts';
import type { TensorData, TensorMetadata, TensorValues } from '../tensors/types.ts';
import type { Trace } from '../trace/tracer.ts';
import type { Binding } from './binding.ts';

/** The part that we use of the backend class in `vendor/node-kernels.js`. */
export interface NodeBackend extends KernelBackend {
  readonly binding: Binding;
  readonly tensorMap: DataStorage<TensorData>;
  write(values: TensorValues, shape: number[], dtype: DataType): DataId;
  createOutputTensor(metadata: TensorMetadata): Tensor;
  /** Uploads tensors that are not uploaded yet. */
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  executeSingleOutput(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly TensorInfo[],
  ): Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly TensorInfo[],
    outputs: number,
  ): Tensor[];
}

export interface VendoredKernels {
  readonly NodeJSKernelBackend: new (binding: Binding, packageName: string) => NodeBackend;
}

/** Imports upstream's kernels, which registers them for `tensorflow`, and its backend class. */
export async function loadVendoredKernels(): Promise<VendoredKernels> {
  // From src/node/tensorflow/binding and from dist/node/tensorflow/binding alike.
  const file = new URL('../../../../vendor/node-kernels.js', import.meta.url);
  try {
    return (await import(/* @vite-ignore */ file.href)) as VendoredKernels;
  } catch (cause) {
    throw new Error(
      `startEngine: expected ${file.pathname}, got ${errorMessage(cause)}; in the repository run \`npm run vendor -w @kd/engine\`.`,
      { cause },
    );
  }
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Upstream's Int64Scalar: a number of a type that TF.js lacks. */
interface Int64Scalar {
  readonly valueArray: Int32Array;
}

/**
 * Ids of an op's inputs in a trace. Nothing is uploaded: values written while tracing are constants,
 * tensors that existed before are captured.
 */
export function tensorIds(
  { tensorMap }: NodeBackend,
  trace: Trace,
  tensors: readonly (TensorInfo | Int64Scalar)[],
): number[] {
  return tensors.map((tensor) => {
    if ('valueArray' in tensor) return trace.constant([], dataType.int64, tensor.valueArray);
    return trace.idOf(tensor.dataId, tensorMap.get(tensor.dataId));
  });
}

import type {
  DataId,
  DataStorage,
  DataType,
  KernelBackend,
  Tensor,
  TensorInfo,
} from '@tensorflow/tfjs-core';
import type { Attribute } from './attributes.ts';
import type { Binding } from './binding.ts';
import type { TensorMetadata, TensorValues } from './tensors.ts';

/** What the backend knows of some data, which tensors and variables share. */
export interface TensorData {
  readonly shape: number[];
  /** Of TensorFlow. */
  readonly dtype: number;
  /**
   * The binding's; −1 where the values are not uploaded yet, below it while tracing (`isSymbolic`).
   */
  id: number;
  values: TensorValues | null;
  /** Tensors and variables that share it. */
  readonly refCount: number;
}

/** What we use of the backend class in `vendor/node-kernels.js`. */
export interface NodeBackend extends KernelBackend {
  readonly binding: Binding;
  readonly tensorMap: DataStorage<TensorData>;
  write(values: TensorValues, shape: number[], dtype: DataType): DataId;
  createOutputTensor(metadata: TensorMetadata): Tensor;
  /** Uploads those that are not yet. */
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

export interface NodeKernels {
  readonly NodeJSKernelBackend: new (binding: Binding, packageName: string) => NodeBackend;
}

/**
 * Loads upstream's kernels, which registers them for the backend `tensorflow`, and its backend
 * class.
 */
export async function loadNodeKernels(): Promise<NodeKernels> {
  // From src/node/tensorflow and from dist/node/tensorflow alike.
  const file = new URL('../../../vendor/node-kernels.js', import.meta.url);
  try {
    return (await import(/* @vite-ignore */ file.href)) as NodeKernels;
  } catch (cause) {
    throw new Error(
      `startEngine: expected ${file.pathname}, got ${messageOf(cause)}; in the repository run \`npm run vendor -w @kd/engine\`.`,
      {
        cause,
      },
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import type { CompiledFunction, CompilingBackend, PersistentTensorBackend } from '@kd/core';
import {
  type BackendValues,
  type DataId,
  type DataType,
  type Rank,
  type ShapeMap,
  type Tensor,
  type TensorContainer,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import type { Binding } from './binding.ts';
import { compileFunction } from './compile/compile.ts';
import { Compiler } from './compile/compiler.ts';
import { dataType } from './constants.ts';
import { DeviceMemory } from './deviceMemory.ts';
import type { NodeBackend, NodeKernels } from './kernels.ts';
import type { TensorValues } from './tensors.ts';
import { idsWhileTracing } from './trace/inputIds.ts';
import type { Trace } from './trace/trace.ts';

/**
 * Numbers from which on the library gets an array at once, so that JavaScript's own can go
 * (upstream waits until an op needs it), and what stays gets pages of its own.
 */
const LARGE = 16_384;

/** Makes the backend that TensorFlow.js computes on: upstream's, with what it lacks. */
export function makeBackend({ NodeJSKernelBackend }: NodeKernels, binding: Binding): NodeBackend {
  class TensorflowBackend
    extends NodeJSKernelBackend
    implements CompilingBackend, PersistentTensorBackend
  {
    readonly #compiler = new Compiler(this);
    readonly #gpuMemory = binding.isUsingGpuDevice()
      ? new DeviceMemory(binding.runtime, '/device:GPU:0')
      : undefined;

    compile<Arguments extends readonly TensorContainer[], Result extends TensorContainer>(
      run: (...args: Arguments) => Result,
    ): CompiledFunction<Arguments, Result> {
      return compileFunction(this.#compiler, run);
    }

    versionOf(dataId: DataId): number {
      return this.tensorMap.has(dataId) ? this.tensorMap.get(dataId).id : -1;
    }

    /**
     * For `tf.memory()`: on a GPU also how much of its memory is in use, compiled steps included,
     * by the name that TF.js's own GPU engines give it.
     */
    override memory(): ReturnType<NodeBackend['memory']> & { readonly numBytesInGPU?: number } {
      const known = super.memory();
      return this.#gpuMemory === undefined
        ? known
        : { ...known, numBytesInGPU: this.#gpuMemory.bytesInUse() };
    }

    override write(values: TensorValues, shape: number[], dtype: DataType): DataId {
      const dataId = super.write(values, shape, dtype);
      if (binding.trace !== undefined) binding.trace.wrote(dataId);
      else if (values.length >= LARGE) this.getInputTensorIds([{ dataId, shape, dtype }]);
      return dataId;
    }

    lasting<R extends Rank>(
      shape: ShapeMap[R],
      write: (values: Float32Array) => void,
    ): Tensor<R> | undefined {
      const count = util.sizeFromShape(shape);
      if (binding.trace !== undefined || count < LARGE) return undefined;
      const id = binding.tensors.lasting(shape, 4 * count, write);
      return this.createOutputTensor({
        id,
        shape: [...shape],
        dtype: dataType.float32,
      }) as Tensor<R>;
    }

    override getInputTensorIds(tensors: readonly TensorInfo[]): number[] {
      return binding.trace === undefined
        ? super.getInputTensorIds(tensors)
        : idsWhileTracing(this, binding.trace, tensors);
    }

    override readSync(dataId: DataId): BackendValues {
      if (binding.trace !== undefined && !binding.trace.isConstant(dataId))
        throw binding.trace.refuseRead();
      return super.readSync(dataId);
    }

    override async read(dataId: DataId): Promise<BackendValues> {
      if (binding.trace !== undefined && !binding.trace.isConstant(dataId))
        return neverRead(binding.trace);
      const data = this.tensorMap.get(dataId);
      if (data === undefined || data.values !== null) return this.readSync(dataId);
      return binding.tensors.readLater(data.id) as Promise<BackendValues>;
    }
  }
  return new TensorflowBackend(binding, '@kd/engine');
}

/**
 * The trace fails when the function returns; a rejected promise that nobody awaits would end the
 * process instead.
 */
function neverRead(trace: Trace): Promise<never> {
  trace.refuseRead();
  return new Promise(() => {});
}

import type { CompiledFunction } from '@kd/core';
import type {
  CompilingBackend,
  ImagesTensorBackend,
  PersistentTensorBackend,
} from '@kd/core/internal';
import {
  type BackendValues,
  type DataId,
  type DataType,
  type Rank,
  type ShapeMap,
  type Tensor,
  type Tensor4D,
  type TensorContainer,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import type { Binding } from './binding/binding.ts';
import { type NodeBackend, tensorIds, type VendoredKernels } from './binding/vendoredBackend.ts';
import { attributeType, dataType } from './capi/types.ts';
import { compileFunction } from './compile/compiledFunction.ts';
import { Compiler } from './compile/compiler.ts';
import { floatType, restoreGradients, typeAttribute } from './kernels/replaceKernel.ts';
import { DeviceMemory } from './tensors/deviceMemory.ts';
import type { TensorMetadata, TensorValues } from './tensors/types.ts';
import type { Trace } from './trace/tracer.ts';

/**
 * Arrays of at least so many numbers are uploaded at once, so that JavaScript's copy can be
 * collected (upstream waits until an op needs it), and persistent tensors of at least so many get
 * pages of their own.
 */
const minLargeElements = 16_384;

/** Attributes of a cast from bytes. */
const bytesToFloat = [
  typeAttribute('SrcT', dataType.uint8),
  typeAttribute('DstT', dataType.float32),
  { name: 'Truncate', type: attributeType.bool, value: false },
];

/** Creates the backend that TensorFlow.js computes on: upstream's, with its gaps filled. */
export function createBackend(
  { NodeJSKernelBackend }: VendoredKernels,
  binding: Binding,
): NodeBackend {
  class TensorflowBackend
    extends NodeJSKernelBackend
    implements CompilingBackend, ImagesTensorBackend, PersistentTensorBackend
  {
    readonly #compiler = new Compiler(this, restoreGradients);
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
     * Adds to `tf.memory()` on a GPU the bytes that are in use there, compiled steps included,
     * under the name that TF.js's own GPU engines use.
     */
    override memory(): ReturnType<NodeBackend['memory']> & { readonly numBytesInGPU?: number } {
      const known = super.memory();
      return this.#gpuMemory === undefined
        ? known
        : { ...known, numBytesInGPU: this.#gpuMemory.bytesInUse() };
    }

    override write(values: TensorValues, shape: number[], dtype: DataType): DataId {
      const dataId = super.write(values, shape, dtype);
      if (binding.trace !== undefined) binding.trace.markWritten(dataId);
      else if (values.length >= minLargeElements)
        this.getInputTensorIds([{ dataId, shape, dtype }]);
      return dataId;
    }

    persistentTensor<R extends Rank>(
      shape: ShapeMap[R],
      write: (values: Float32Array) => void,
    ): Tensor<R> | undefined {
      const count = util.sizeFromShape(shape);
      if (binding.trace !== undefined || count < minLargeElements) return undefined;
      const id = binding.tensors.createMapped(shape, 4 * count, write);
      return this.createOutputTensor({
        id,
        shape: [...shape],
        dtype: dataType.float32,
      }) as Tensor<R>;
    }

    imagesTensor(bytes: Uint8Array, shape: readonly [number, number, number, number]): Tensor4D {
      const ids = [
        binding.createTensor(shape, dataType.uint8, bytes),
        binding.createTensor([], dataType.float32, Float32Array.of(255)),
      ] as const;
      const [cast] = binding.executeOp('Cast', bytesToFloat, [ids[0]], 1);
      const castId = (cast as TensorMetadata).id;
      const [images] = binding.executeOp('RealDiv', [floatType], [castId, ids[1]], 1);
      for (const id of [...ids, castId]) binding.deleteTensor(id);
      return this.createOutputTensor(images as TensorMetadata) as Tensor4D;
    }

    override getInputTensorIds(tensors: readonly TensorInfo[]): number[] {
      return binding.trace === undefined
        ? super.getInputTensorIds(tensors)
        : tensorIds(this, binding.trace, tensors);
    }

    override readSync(dataId: DataId): BackendValues {
      if (binding.trace !== undefined && !binding.trace.isConstant(dataId))
        throw binding.trace.failRead();
      return super.readSync(dataId);
    }

    override async read(dataId: DataId): Promise<BackendValues> {
      if (binding.trace !== undefined && !binding.trace.isConstant(dataId))
        return neverRead(binding.trace);
      const data = this.tensorMap.get(dataId);
      if (data === undefined || data.values !== null) return this.readSync(dataId);
      return binding.tensors.readAsync(data.id) as Promise<BackendValues>;
    }
  }
  return new TensorflowBackend(binding, '@kd/engine');
}

/**
 * The trace fails when the function returns; a rejected promise that nobody awaits would end the
 * process instead.
 */
function neverRead(trace: Trace): Promise<never> {
  trace.failRead();
  return new Promise(() => {});
}

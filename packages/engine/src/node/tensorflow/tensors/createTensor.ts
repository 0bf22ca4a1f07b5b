import { ensure, expectedError } from '@kd/core';
import koffi from 'koffi';
import type { TensorflowApi } from '../capi/api.ts';
import type { ScratchArena } from '../capi/scratchArena.ts';
import { dataType, dataTypeName, elementBytes, type Pointer, stringBytes } from '../capi/types.ts';
import type { TensorValues } from './types.ts';

/**
 * Names of the array types that a dtype accepts: names, since an array of another realm has
 * another constructor.
 */
const acceptedArrays: Readonly<Record<number, readonly string[]>> = {
  [dataType.float32]: ['Float32Array'],
  [dataType.int32]: ['Int32Array'],
  [dataType.uint8]: ['Uint8Array'],
  [dataType.complex64]: ['Float32Array'],
  [dataType.int64]: ['BigInt64Array', 'Int32Array'],
  [dataType.bool]: ['Uint8Array'],
};

/**
 * Creates a TF_Tensor with a copy of values.
 * @param values As many as the shape has; int64 may come as pairs of int32, complex64 comes as
 * pairs of float32.
 */
export function createTensor(
  api: TensorflowApi,
  memory: ScratchArena,
  shape: readonly number[],
  dtype: number,
  values: TensorValues,
): Pointer {
  return Array.isArray(values)
    ? createStringTensor(api, memory, shape, dtype, values)
    : createNumberTensor(api, memory, shape, dtype, values);
}

function createNumberTensor(
  api: TensorflowApi,
  memory: ScratchArena,
  shape: readonly number[],
  dtype: number,
  values: Exclude<TensorValues, Uint8Array[]>,
): Pointer {
  if (acceptedArrays[dtype]?.includes(values[Symbol.toStringTag]) !== true) {
    throw expectedError(
      describeTensor(shape, dtype),
      acceptedArrays[dtype]?.join(' or ') ?? 'an array of byte arrays',
      values[Symbol.toStringTag],
    );
  }
  const bytes = countElements(shape) * (elementBytes[dtype] as number);
  if (values.byteLength !== bytes)
    throw expectedError(describeTensor(shape, dtype), `${bytes} bytes`, values.byteLength);
  const tensor = api.TF_AllocateTensor(dtype, memory.putIntegers(shape), shape.length, bytes);
  if (bytes > 0) memory.libc.copyIn(api.TF_TensorData(tensor), values, bytes);
  return tensor;
}

function createStringTensor(
  api: TensorflowApi,
  memory: ScratchArena,
  shape: readonly number[],
  dtype: number,
  values: readonly Uint8Array[],
): Pointer {
  ensure(
    dtype === dataType.string,
    describeTensor(shape, dtype),
    acceptedArrays[dtype]?.join(' or ') ?? 'a type with values',
    'Array',
  );
  ensure(
    values.length === countElements(shape),
    describeTensor(shape, dtype),
    `${countElements(shape)} byte arrays`,
    values.length,
  );
  const tensor = api.TF_AllocateTensor(
    dtype,
    memory.putIntegers(shape),
    shape.length,
    values.length * stringBytes,
  );
  const start = api.TF_TensorData(tensor);
  values.forEach((value, at) => {
    api.TF_StringInit(start + at * stringBytes);
    api.TF_StringCopy(start + at * stringBytes, value, value.length);
  });
  return tensor;
}

function countElements(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

function describeTensor(shape: readonly number[], dtype: number): string {
  return `tensorflow: a ${dataTypeName(dtype)} tensor of shape [${shape.join(', ')}]`;
}

/** Arguments of mmap, and its result if it fails: (void *) -1. */
const readAndWrite = 3;
const privateAndAnonymous = process.platform === 'darwin' ? 0x1002 : 0x22;
const mapFailed = 2 ** 64;

/**
 * Creates a float32 TF_Tensor in pages of its own, which are returned to the kernel with it. In
 * TensorFlow's pool, which doubles when it grows, weights would lie scattered and leave no room for
 * activations between them (docs/decisions/engine.md).
 * @param bytes More than 0. @param write Fills the array, which is this memory: nothing may hold it
 * afterwards.
 */
export function mmapTensor(
  { api, memory }: { readonly api: TensorflowApi; readonly memory: ScratchArena },
  shape: readonly number[],
  bytes: number,
  write: (values: Float32Array) => void,
): Pointer {
  const at = memory.libc.map(0, bytes, readAndWrite, privateAndAnonymous, -1, 0);
  const memoryText = `${bytes} bytes of memory for a tensor of shape [${shape.join(', ')}]`;
  ensure(
    Number(at) < mapFailed,
    'tensorflow',
    memoryText,
    'none',
    "end other programs, or raise this process's limit (ulimit -v)",
  );
  // TensorFlow calls munmap(address, bytes, 0) when the last tensor on this memory is deleted, on
  // any thread.
  const tensor = api.TF_NewTensor(
    dataType.float32,
    memory.putIntegers(shape),
    shape.length,
    at,
    bytes,
    memory.libc.unmap,
    0,
  );
  try {
    write(new Float32Array(koffi.view(BigInt(at), bytes)));
  } catch (error) {
    api.TF_DeleteTensor(tensor);
    throw error;
  }
  return tensor;
}

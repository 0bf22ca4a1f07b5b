import { ensure, expectedError } from '@kd/core';
import type { Pointer, TensorflowApi } from './c/api.ts';
import { dataType, elementBytes, nameOf, stringBytes } from './constants.ts';
import type { Memory } from './memory.ts';
import type { TensorValues } from './reads.ts';

/**
 * Arrays that a type's values come in, by name: an array may come from another realm, whose
 * constructors are others.
 */
const arraysOf: Readonly<Record<number, readonly string[]>> = {
  [dataType.float32]: ['Float32Array'],
  [dataType.int32]: ['Int32Array'],
  [dataType.uint8]: ['Uint8Array'],
  [dataType.complex64]: ['Float32Array'],
  [dataType.int64]: ['BigInt64Array', 'Int32Array'],
  [dataType.bool]: ['Uint8Array'],
};

/**
 * A TF_Tensor with a copy of values, which stay the caller's to change.
 * @param values As many as the shape says; int64 may come as pairs of int32, complex64 comes as
 * pairs of float32.
 */
export function makeTensor(
  api: TensorflowApi,
  memory: Memory,
  shape: readonly number[],
  dtype: number,
  values: TensorValues,
): Pointer {
  return Array.isArray(values)
    ? ofStrings(api, memory, shape, dtype, values)
    : ofNumbers(api, memory, shape, dtype, values);
}

function ofNumbers(
  api: TensorflowApi,
  memory: Memory,
  shape: readonly number[],
  dtype: number,
  values: Exclude<TensorValues, Uint8Array[]>,
): Pointer {
  if (arraysOf[dtype]?.includes(values[Symbol.toStringTag]) !== true) {
    throw expectedError(
      whereOf(shape, dtype),
      arraysOf[dtype]?.join(' or ') ?? 'an array of byte arrays',
      values[Symbol.toStringTag],
    );
  }
  const bytes = countOf(shape) * (elementBytes[dtype] as number);
  if (values.byteLength !== bytes)
    throw expectedError(whereOf(shape, dtype), `${bytes} bytes`, values.byteLength);
  const tensor = api.TF_AllocateTensor(dtype, memory.putIntegers(shape), shape.length, bytes);
  if (bytes > 0) memory.libc.copyIn(api.TF_TensorData(tensor), values, bytes);
  return tensor;
}

function ofStrings(
  api: TensorflowApi,
  memory: Memory,
  shape: readonly number[],
  dtype: number,
  values: readonly Uint8Array[],
): Pointer {
  ensure(
    dtype === dataType.string,
    whereOf(shape, dtype),
    arraysOf[dtype]?.join(' or ') ?? 'a type with values',
    'Array',
  );
  ensure(
    values.length === countOf(shape),
    whereOf(shape, dtype),
    `${countOf(shape)} byte arrays`,
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

function countOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

function whereOf(shape: readonly number[], dtype: number): string {
  return `tensorflow: a ${nameOf(dtype)} tensor of shape [${shape.join(', ')}]`;
}

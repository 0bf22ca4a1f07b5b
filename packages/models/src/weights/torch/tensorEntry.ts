import { ensure, expectedError } from '@kd/core';
import { type ByteSource, bytesPerElement, toFloat32 } from '@kd/files';
import type { TensorEntry } from '../weights.ts';
import { dtypeOf, type StorageRecord, type TensorRecord } from './records.ts';

/** Where storages lie in a file. */
export interface Storages {
  readonly source: ByteSource;
  /** Bytes that the file has for a storage; undefined where it has none of this key. */
  bytesOf(key: string): number | undefined;
  /** The byte of the file where a storage begins. */
  beginOf(key: string): number;
}

/** An expanded tensor repeats its numbers: what it may grow to in memory, in numbers. */
const expandedLimit = 1 << 24;

/**
 * A tensor of a file, checked to lie within its storage, and this within the file. @param caller
 * For messages: file and tensor.
 */
export function tensorEntry(tensor: TensorRecord, storages: Storages, caller: string): TensorEntry {
  ensure(
    tensor.lazy === undefined,
    caller,
    'a plain tensor',
    `a ${tensor.lazy} view`,
    'call resolve_conj().resolve_neg() before saving it',
  );
  const storage = storageOf(tensor.storage, caller);
  const type = tensor.type ?? storage.type;
  const dtype = dtypeOf(type);
  if (dtype === undefined)
    throw expectedError(
      caller,
      'real numbers, whole numbers or bool',
      type,
      'convert it in PyTorch and save it anew',
    );
  const { offset, shape, strides } = tensor;
  ensure(
    isSizes(shape) && shape.length <= 64,
    caller,
    'a shape of at most 64 whole numbers ≥ 0',
    shapeText(shape),
  );
  ensure(
    isSizes(strides) && strides.length === shape.length,
    caller,
    `${shape.length} strides, whole numbers ≥ 0`,
    shapeText(strides),
  );
  ensure(
    isSize(offset),
    caller,
    'an offset in its storage, a whole number ≥ 0',
    typeof offset === 'number' ? offset : 'something else',
  );

  const width = bytesPerElement(dtype);
  const storageBytes = storages.bytesOf(storage.key);
  const wanted = storage.length * (storage.type === 'UntypedStorage' ? 1 : width);
  ensure(
    storageBytes === wanted,
    caller,
    `storage ${storage.key} of ${wanted} bytes`,
    storageBytes,
    'the file is damaged',
  );
  const count = shape.reduce((product, side) => product * side, 1);
  // How many numbers of the storage it spans.
  const span =
    count === 0
      ? 0
      : shape.reduce((last, side, axis) => last + (side - 1) * (strides[axis] as number), 1);
  ensure(
    (offset + span) * width <= wanted,
    caller,
    `a view of ${wanted / width} numbers`,
    `[${shape}] with strides [${strides}] from ${offset}`,
  );
  ensure(
    count <= Math.max(span, expandedLimit),
    caller,
    `at most ${expandedLimit} numbers of an expanded tensor`,
    count,
    'save it with .contiguous()',
  );
  const inOrder = isRowMajor(shape, strides);
  return {
    dtype,
    shape,
    read() {
      if (count === 0) return new Float32Array(0);
      const numbers = toFloat32(
        storages.source,
        dtype,
        storages.beginOf(storage.key) + offset * width,
        span,
      );
      return inOrder ? numbers : gathered(numbers, shape, strides, count);
    },
  };
}

/** Row by row, from numbers that lie in other steps. */
function gathered(
  from: Float32Array,
  shape: readonly number[],
  strides: readonly number[],
  count: number,
): Float32Array<ArrayBuffer> {
  const numbers = new Float32Array(count);
  const index = shape.map(() => 0);
  let place = 0;
  for (let at = 0; at < count; at++) {
    numbers[at] = from[place] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const [side, stride] = [shape[axis] as number, strides[axis] as number];
      index[axis] = (index[axis] as number) + 1;
      place += stride;
      if ((index[axis] as number) < side) break;
      index[axis] = 0;
      place -= side * stride;
    }
  }
  return numbers;
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis] as number;
  }
  return true;
}

function storageOf(value: unknown, caller: string): StorageRecord {
  const fits =
    typeof value === 'object' &&
    value !== null &&
    'key' in value &&
    'type' in value &&
    'length' in value;
  ensure(
    fits,
    caller,
    'a tensor over a storage of the file',
    'something else',
    'save it with torch.save',
  );
  return value as StorageRecord;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isSize);
}

function shapeText(value: unknown): unknown {
  return Array.isArray(value) &&
    value.length <= 64 &&
    value.every((side) => typeof side === 'number')
    ? value
    : 'something else';
}

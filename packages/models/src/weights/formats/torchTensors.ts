import { ensure, expectedError } from '@kd/core';
import { bytesPerElement, nullPrototypeRecord, toFloat32 } from '@kd/files';
import type { Storages, TorchCheckpoint } from './torchCheckpoint.ts';
import { describe, dictOf, findStateDict, isTensor } from './torchStateDict.ts';
import { dtypeOf, type StorageRecord, TensorRecord } from './torchUnpickler.ts';
import type { TensorEntry, Weights } from './weights.ts';

/** The number of other values of a file that `metadata.else` lists. */
const listLimit = 50;

/** The tensors of the state dict in a file of PyTorch, each checked to be within the file. */
export function torchWeights(
  { format, root, storages }: TorchCheckpoint,
  fileName: string,
  requested: string | undefined,
): Weights {
  const { dict, part } = findStateDict(root, requested, fileName);
  const entries = nullPrototypeRecord<TensorEntry>();
  const others: [key: unknown, value: unknown][] = [];
  for (const [key, value] of dict) {
    if (typeof key !== 'string' || !isTensor(value)) others.push([key, value]);
    else if (!(value instanceof TensorRecord))
      throw expectedError(
        `${fileName}: ${key}`,
        'a dense tensor',
        describe(value),
        'convert it in PyTorch',
      );
    else entries[key] = tensorEntry(value, storages, `${fileName}: ${key}`);
  }
  const outside = part === '' ? [] : [...(dictOf(root) ?? [])].filter(([key]) => key !== part);
  const rest = [...listValues(others, part), ...listValues(outside, '')].join('; ');
  return {
    fileName,
    entries,
    metadata: { format, ...(part !== '' && { part }), ...(rest !== '' && { else: rest }) },
  };
}

function listValues(values: readonly [key: unknown, value: unknown][], part: string): string[] {
  const keyOf = (key: unknown) =>
    typeof key === 'string' && key.length <= 100 ? key : describe(key);
  return values
    .slice(0, listLimit)
    .map(([key, value]) => `${part}${part && '.'}${keyOf(key)}: ${describe(value)}`);
}

/** The largest number of values of an expanded tensor, which repeats those of its storage. */
const expandedLimit = 1 << 24;

/**
 * A tensor of a file, after checks that it is within its storage, and the storage within the file.
 * @param caller File and tensor, for messages.
 */
function tensorEntry(tensor: TensorRecord, storages: Storages, caller: string): TensorEntry {
  ensure(
    tensor.lazy === undefined,
    caller,
    'a plain tensor',
    `a ${tensor.lazy} view`,
    'call resolve_conj().resolve_neg() before saving it',
  );
  const storage = asStorage(tensor.storage, caller);
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
    describeSides(shape),
  );
  ensure(
    isSizes(strides) && strides.length === shape.length,
    caller,
    `${shape.length} strides, whole numbers ≥ 0`,
    describeSides(strides),
  );
  ensure(
    isSize(offset),
    caller,
    'an offset in its storage, a whole number ≥ 0',
    typeof offset === 'number' ? offset : 'something else',
  );

  const width = bytesPerElement(dtype);
  const storageBytes = storages.bytesOf(storage.key);
  const storedBytes = storage.length * (storage.type === 'UntypedStorage' ? 1 : width);
  ensure(
    storageBytes === storedBytes,
    caller,
    `storage ${storage.key} of ${storedBytes} bytes`,
    storageBytes,
    'the file is damaged',
  );
  const count = shape.reduce((product, side) => product * side, 1);
  // Values of the storage from the first to the last that it uses.
  const span =
    count === 0
      ? 0
      : shape.reduce((last, side, axis) => last + (side - 1) * (strides[axis] as number), 1);
  ensure(
    (offset + span) * width <= storedBytes,
    caller,
    `a view of ${storedBytes / width} numbers`,
    `[${shape}] with strides [${strides}] from ${offset}`,
  );
  ensure(
    count <= Math.max(span, expandedLimit),
    caller,
    `at most ${expandedLimit} numbers of an expanded tensor`,
    count,
    'save it with .contiguous()',
  );
  const isContiguous = isRowMajor(shape, strides);
  return {
    dtype,
    shape,
    read() {
      if (count === 0) return new Float32Array(0);
      const values = toFloat32(
        storages.source,
        dtype,
        storages.beginOf(storage.key) + offset * width,
        span,
      );
      return isContiguous ? values : gather(values, shape, strides, count);
    },
  };
}

/** Copies values with other strides into row-major order. */
function gather(
  from: Float32Array,
  shape: readonly number[],
  strides: readonly number[],
  count: number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  const index = shape.map(() => 0);
  let position = 0;
  for (let at = 0; at < count; at++) {
    values[at] = from[position] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const [side, stride] = [shape[axis] as number, strides[axis] as number];
      index[axis] = (index[axis] as number) + 1;
      position += stride;
      if ((index[axis] as number) < side) break;
      index[axis] = 0;
      position -= side * stride;
    }
  }
  return values;
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis] as number;
  }
  return true;
}

function asStorage(value: unknown, caller: string): StorageRecord {
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

function describeSides(value: unknown): unknown {
  return Array.isArray(value) &&
    value.length <= 64 &&
    value.every((side) => typeof side === 'number')
    ? value
    : 'something else';
}

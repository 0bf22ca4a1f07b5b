import type { TensorEntry, Weights } from '@kd/models';
import { isObject, type JsonObject } from '../format/file.ts';
import { numberOf, numbersOf, objectOf } from '../format/values.ts';

const dtypes: Readonly<Record<string, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};

/**
 * Compares the tensors of a model: the names, and the type, shape, first numbers and sum of each.
 */
export function modelTensorDifferences({ entries }: Weights, tensors: JsonObject): string[] {
  const extra = Object.keys(entries).filter((name) => !Object.hasOwn(tensors, name));
  return [
    ...extra.map((name) => `${name}: expected no such tensor`),
    ...Object.keys(tensors).flatMap((name) => {
      const wanted = objectOf(tensors, name);
      const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
      if (entry === undefined) return [`${name}: expected a tensor, got none`];
      const values = entry.read();
      const sum = values.reduce((total, value) => total + value, 0);
      const scale = values.reduce((total, value) => total + Math.abs(value), 1);
      const wantedSum = numberOf(wanted, 'sum');
      return [
        ...kindDifferences(name, entry, wanted),
        ...valueDifferences(name, values.subarray(0, 4), numbersOf(wanted, 'first4'), 1e-8),
        ...(Math.abs(sum - wantedSum) <= 1e-6 * scale
          ? []
          : [`${name}: expected the sum ${wantedSum}, got ${sum}`]),
      ];
    }),
  ];
}

/**
 * Compares the tensors of a file without a model. What is listed without a type is not a tensor,
 * but the reader has to report it.
 */
export function oddTensorDifferences(
  { entries, metadata }: Weights,
  tensors: JsonObject,
): string[] {
  return Object.keys(tensors).flatMap((name) => {
    const wanted = objectOf(tensors, name);
    const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
    if (wanted.dtype === undefined)
      return metadata.else?.includes(name) ? [] : [`${name}: expected the reader to tell of it`];
    if (entry === undefined) return [`${name}: expected a tensor, got none`];
    const values = Array.isArray(wanted.values) ? wanted.values.map(Number) : [];
    return [
      ...kindDifferences(name, entry, wanted),
      ...valueDifferences(name, entry.read(), values.map(Math.fround), 0),
    ];
  });
}

/**
 * Compares the tensors of two files to the last bit; except PyTorch's counters of batches, which
 * are not kept.
 */
export function fileDifferences(ours: Weights, theirs: Weights): string[] {
  const names = new Set([...Object.keys(ours.entries), ...Object.keys(theirs.entries)]);
  return [...names].flatMap((name) => {
    if (name.endsWith('num_batches_tracked')) return [];
    const [one, other] = [ours.entries[name], theirs.entries[name]];
    if (one === undefined || other === undefined)
      return [`${name}: expected in both our file and theirs`];
    const isSame =
      one.shape.join() === other.shape.join() &&
      valueDifferences(name, one.read(), [...other.read()], 0).length === 0;
    return isSame ? [] : [`${name}: expected the same numbers when written and read again`];
  });
}

function kindDifferences(
  name: string,
  { dtype, shape }: TensorEntry,
  wanted: JsonObject,
): string[] {
  const [type, sides] = [dtypes[String(wanted.dtype)], numbersOf(wanted, 'shape')];
  const isSame = dtype === type && shape.join() === sides.join();
  return isSame
    ? []
    : [`${name}: expected ${type} [${sides.join(', ')}], got ${dtype} [${shape.join(', ')}]`];
}

/** @param relative 0: to the last bit. */
function valueDifferences(
  name: string,
  got: ArrayLike<number>,
  wanted: readonly number[],
  relative: number,
): string[] {
  if (got.length !== wanted.length)
    return [`${name}: expected ${wanted.length} numbers, got ${got.length}`];
  const at = wanted.findIndex((value, place) => {
    const found = got[place] as number;
    return (
      !Object.is(found, value) &&
      !(Math.abs(found - value) <= relative * Math.abs(value)) &&
      found !== value
    );
  });
  return at < 0 ? [] : [`${name}[${at}]: expected ${wanted[at]}, got ${got[at]}`];
}

/**
 * Returns the listed tensors of a model; undefined if there are none, as for another model in half
 * precision.
 */
export function tensorsOf(models: JsonObject, model: string): JsonObject | undefined {
  const tensors = objectOf(models, model).tensors;
  return isObject(tensors) ? tensors : undefined;
}

import type { GraphTensor } from '@kd/core';
import { dataTypeNumber, type OnnxAttribute, type OnnxNode, type OnnxTensor } from './onnxFile.ts';

/** The nodes and constants of a file while it is written. Names are those of ONNX's values. */
export interface OnnxWriter {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  /**
   * A name that no value has yet: the one that is asked for, or it with a number. Values between
   * operations of one node have names without the node's, since names are bytes.
   */
  unique(name: string): string;
  /**
   * Adds an operation that gives one value. @param name Of the operation, where it is not that of
   * its value. @returns `output`.
   */
  add(
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    name?: string,
  ): string;
  /** Adds a constant. @returns Its name. */
  constant(name: string, values: ConstantValues, dims: readonly number[]): string;
  /** A float32 scalar, one for all its uses. @returns Its name. */
  scalar(value: number): string;
  /** A float32 vector of one value, one for all its uses. @returns Its name. */
  vector(value: number, length: number): string;
  /** A uint8 scalar, one for all its uses. @returns Its name. */
  zeroPoint(value: number): string;
  /** A vector of int8 zeros, one for all its uses. @returns Its name. */
  zeroPoints(length: number): string;
  /** A list of int64, one for all its uses. @returns Its name. */
  integers(values: readonly number[]): string;
}

type NumberArray = Float32Array | Int8Array | Uint8Array | Int32Array | BigInt64Array;

export type ConstantValues = NumberArray | Float16Bits;

/** Bits of half-precision numbers. */
export interface Float16Bits {
  readonly float16: Uint16Array;
}

/** Starts a file. @param names Names of values that `unique` does not give. */
export function createOnnxWriter(names: Iterable<string>): OnnxWriter {
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensor[] = [];
  const taken = new Set(names);
  const counts = new Map<string, number>();
  const shared = new Map<string, string>();

  const unique = (name: string): string => {
    let free = name;
    let count = counts.get(name) ?? 1;
    while (taken.has(free)) free = `${name}_${++count}`;
    counts.set(name, count);
    taken.add(free);
    return free;
  };
  const constant: OnnxWriter['constant'] = (name, values, dims) => {
    const tensor = { name: unique(name), dims, ...typedBytes(values) };
    tensors.push(tensor);
    return tensor.name;
  };
  /** @param kind The name, of which all but the first have a number. */
  const share = (kind: string, values: NumberArray, dims: readonly number[]): string => {
    const key = `${kind} ${dims.join()} ${values.join()}`;
    const name = shared.get(key) ?? constant(kind, values, dims);
    shared.set(key, name);
    return name;
  };
  return {
    nodes,
    tensors,
    unique,
    add(operator, inputs, output, attributes = {}, name = undefined) {
      const own = name === output ? undefined : name;
      nodes.push({ operator, name: own, inputs, outputs: [output], attributes });
      return output;
    },
    constant,
    scalar: (value) => share('scalar', Float32Array.of(value), []),
    vector: (value, length) => share('vector', new Float32Array(length).fill(value), [length]),
    zeroPoint: (value) => share('zero', Uint8Array.of(value), []),
    zeroPoints: (length) => share('zeros', new Int8Array(length), [length]),
    integers: (values) => share('integers', BigInt64Array.from(values, BigInt), [values.length]),
  };
}

function typedBytes(values: ConstantValues): Pick<OnnxTensor, 'type' | 'bytes'> {
  if ('float16' in values) return { type: 'float16', bytes: bytesOf(values.float16) };
  const bytes = bytesOf(values);
  if (values instanceof Float32Array) return { type: 'float32', bytes };
  if (values instanceof Int32Array) return { type: 'int32', bytes };
  if (values instanceof BigInt64Array) return { type: 'int64', bytes };
  return { type: values instanceof Int8Array ? 'int8' : 'uint8', bytes };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Adds a conversion to float32. @returns Name of the value. */
export function castToFloat32(writer: OnnxWriter, value: string): string {
  return writer.add('Cast', [value], writer.unique('cast'), { to: dataTypeNumber('float32') });
}

/** Whether all values are the same number. */
export function isFilledWith({ values }: GraphTensor, number: number): boolean {
  return values.every((value) => value === number);
}

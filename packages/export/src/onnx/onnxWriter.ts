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
  /** Adds an operation that gives one value. @param name Of the operation. @returns `output`. */
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

export type ConstantValues = Float32Array | Int8Array | Uint8Array | Int32Array | Float16Bits;

/** Bits of half-precision numbers. */
export interface Float16Bits {
  readonly float16: Uint16Array;
}

/** Starts a file. @param names Names of values that `unique` does not give. */
export function createOnnxWriter(names: Iterable<string>): OnnxWriter {
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensor[] = [];
  const taken = new Set(names);
  const shared = new Map<string, string>();

  const unique = (name: string): string => {
    let free = name;
    for (let count = 2; taken.has(free); count++) free = `${name}_${count}`;
    taken.add(free);
    return free;
  };
  const addTensor = (tensor: OnnxTensor): string => {
    tensors.push(tensor);
    return tensor.name;
  };
  const share = (key: string, create: () => string): string => {
    const name = shared.get(key) ?? create();
    shared.set(key, name);
    return name;
  };
  const writer: OnnxWriter = {
    nodes,
    tensors,
    unique,
    add(operator, inputs, output, attributes = {}, name = undefined) {
      nodes.push({ operator, name, inputs, outputs: [output], attributes });
      return output;
    },
    constant: (name, values, dims) =>
      addTensor({ name: unique(name), dims, ...typedBytes(values) }),
    scalar: (value) =>
      share(`scalar ${value}`, () =>
        writer.constant(`constant/${Number(value.toPrecision(6))}`, Float32Array.of(value), []),
      ),
    vector: (value, length) =>
      share(`vector ${value} ${length}`, () =>
        writer.constant(`constant/${value}[${length}]`, new Float32Array(length).fill(value), [
          length,
        ]),
      ),
    zeroPoint: (value) =>
      share(`uint8 ${value}`, () =>
        writer.constant(`constant/uint8/${value}`, Uint8Array.of(value), []),
      ),
    zeroPoints: (length) =>
      share(`int8 ${length}`, () =>
        writer.constant(`constant/int8/0[${length}]`, new Int8Array(length), [length]),
      ),
    integers: (values) =>
      share(`integers ${values.join()}`, () =>
        addTensor({
          name: unique(`constant/[${values.join()}]`),
          dims: [values.length],
          type: 'int64',
          bytes: bytesOf(BigInt64Array.from(values, BigInt)),
        }),
      ),
  };
  return writer;
}

function typedBytes(values: ConstantValues): Pick<OnnxTensor, 'type' | 'bytes'> {
  if ('float16' in values) return { type: 'float16', bytes: bytesOf(values.float16) };
  const bytes = bytesOf(values);
  if (values instanceof Float32Array) return { type: 'float32', bytes };
  if (values instanceof Int32Array) return { type: 'int32', bytes };
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

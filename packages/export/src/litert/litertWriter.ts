import { ensure } from '@kd/core';
import type { LiteRtOperation, LiteRtTensor, TensorQuantization } from './litertFile.ts';
import { type OperatorName, type Options, options } from './schema.ts';

/** Collects the tensors and operations of a file. Tensors are known by their numbers. */
export interface LiteRtWriter {
  readonly tensors: readonly LiteRtTensor[];
  readonly operations: readonly LiteRtOperation[];
  /** Adds a tensor without an operation that computes it: an input. */
  tensor(tensor: LiteRtTensor): number;
  /** Adds an operation and its float32 result. @returns The number of the result. */
  floats(operation: NewOperation): number;
  /** Adds an operation and its int8 result. */
  integers(operation: NewOperation & { readonly quantization: TensorQuantization }): number;
  /** Adds a conversion between integers. */
  convert(from: number, to: number): void;
  /** Adds a constant of float32. */
  constant(name: string, values: Float32Array, shape: readonly number[]): number;
  /** Adds a constant of int32: sides, axes. */
  sides(name: string, values: readonly number[], shape?: readonly number[]): number;
}

export interface NewOperation {
  readonly operator: OperatorName;
  readonly name: string;
  readonly inputs: readonly number[];
  /** Shape of the result, with the batch. */
  readonly shape: readonly number[];
  readonly options?: Options;
}

export function createLiteRtWriter(): LiteRtWriter {
  const tensors: LiteRtTensor[] = [];
  const operations: LiteRtOperation[] = [];
  const names = new Set<string>();
  const tensor = (added: LiteRtTensor): number => {
    let { name } = added;
    for (let number = 1; names.has(name); number++) name = `${added.name};${number}`;
    names.add(name);
    return tensors.push({ ...added, name }) - 1;
  };
  const add = (
    { operator, name, inputs, shape, options: table }: NewOperation,
    result: Pick<LiteRtTensor, 'type' | 'quantization'>,
  ): number => {
    const output = tensor({ name, shape, ...result });
    operations.push({ operator, inputs, outputs: [output], ...(table && { options: table }) });
    return output;
  };
  return {
    tensors,
    operations,
    tensor,
    floats: (operation) => add(operation, { type: 'float32' }),
    integers: ({ quantization, ...operation }) => add(operation, { type: 'int8', quantization }),
    convert(from, to) {
      operations.push({
        operator: 'QUANTIZE',
        inputs: [from],
        outputs: [to],
        options: options.quantize(),
      });
    },
    constant: (name, values, shape) =>
      tensor({ name, shape, type: 'float32', bytes: bytesOf(values) }),
    sides: (name, values, shape = [values.length]) =>
      tensor({ name, shape, type: 'int32', bytes: bytesOf(Int32Array.from(values)) }),
  };
}

/** The bytes of an array, little-endian as every engine of JavaScript has them. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** A value as float32, as int8, or both. */
export interface Value {
  /** Without the batch. */
  readonly shape: readonly number[];
  /** undefined: it is float32 alone, since nothing is int8 or no range of it is known. */
  readonly quantization: TensorQuantization | undefined;
  float?: number;
  integer?: number;
}

/** Returns a value as float32, converted once. */
export function asFloat(writer: LiteRtWriter, name: string, value: Value): number {
  if (value.float === undefined) {
    ensure(value.integer !== undefined, 'exportLiteRt', `a value of ${name}`, 'none');
    value.float = writer.floats({
      operator: 'DEQUANTIZE',
      name: `${name}/float`,
      inputs: [value.integer],
      shape: [1, ...value.shape],
      options: options.dequantize(),
    });
  }
  return value.float;
}

/** Returns a value as int8, converted once. */
export function asInteger(writer: LiteRtWriter, name: string, value: Value): number {
  const { quantization, shape } = value;
  ensure(quantization !== undefined, 'exportLiteRt', `a range of ${name}`, 'none');
  if (value.integer === undefined) {
    ensure(value.float !== undefined, 'exportLiteRt', `a value of ${name}`, 'none');
    value.integer = writer.integers({
      operator: 'QUANTIZE',
      name: `${name}/int8`,
      inputs: [value.float],
      shape: [1, ...shape],
      options: options.quantize(),
      quantization,
    });
  }
  return value.integer;
}

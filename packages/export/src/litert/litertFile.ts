import { Builder } from 'flatbuffers';
import {
  type OperatorName,
  type Options,
  operators,
  type TensorType,
  tensorTypes,
} from './schema.ts';

/** scale · (integer − zeroPoint), one scale for all or one for each position along an axis. */
export interface TensorQuantization {
  readonly scales: ArrayLike<number>;
  readonly zeroPoint: number;
  /** The axis of several scales. */
  readonly axis?: number;
}

/** A tensor of a file: a value, or a constant with its bytes. */
export interface LiteRtTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: TensorType;
  readonly quantization?: TensorQuantization;
  readonly bytes?: Uint8Array;
}

/** An operation of a file; tensors by number. */
export interface LiteRtOperation {
  readonly operator: OperatorName;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly options?: Options;
}

/** What a file holds. */
export interface LiteRtModel {
  readonly description: string;
  readonly tensors: readonly LiteRtTensor[];
  readonly operations: readonly LiteRtOperation[];
  /** Tensors by the name that programs call them by. */
  readonly inputs: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, number>>;
  /** Texts, each in a buffer of its own. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Runtimes map weights as they lie in the file: at multiples of 16 bytes. */
const alignment = 16;

/** Encodes a .tflite file: a flatbuffer of TensorFlow Lite's schema 3. */
export function encodeLiteRt(model: LiteRtModel): Uint8Array<ArrayBuffer> {
  const { tensors, operations, inputs, outputs, metadata } = model;
  const weights = tensors.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
  const builder = new Builder(weights + 65_536);
  // The first buffer is empty by convention; a value has it.
  const constants = tensors.flatMap(({ bytes }) => (bytes === undefined ? [] : [bytes]));
  const texts = Object.values(metadata).map((text) => new TextEncoder().encode(text));
  const buffers = [undefined, ...constants, ...texts].map((bytes) => writeBuffer(builder, bytes));
  let constant = 0;
  const tensorTables = tensors.map((tensor) =>
    writeTensor(builder, tensor, tensor.bytes === undefined ? 0 : ++constant),
  );
  const used = [...new Set(operations.map(({ operator }) => operator))];
  const operationTables = operations.map((operation) =>
    writeOperation(builder, operation, used.indexOf(operation.operator)),
  );
  const subgraph = writeTable(builder, 5, {
    0: offsets(builder, tensorTables),
    1: integers(builder, Object.values(inputs)),
    2: integers(builder, Object.values(outputs)),
    3: offsets(builder, operationTables),
    4: builder.createString('main'),
  });
  const codes = used.map((name) => writeOperatorCode(builder, name));
  const entries = Object.keys(metadata).map((name, at) => {
    const key = builder.createString(name);
    builder.startObject(2);
    builder.addFieldOffset(0, key, 0);
    builder.addFieldInt32(1, 1 + constants.length + at, 0);
    return builder.endObject();
  });
  const signature = writeSignature(builder, inputs, outputs);
  const fields = {
    1: offsets(builder, codes),
    2: offsets(builder, [subgraph]),
    3: builder.createString(model.description),
    4: offsets(builder, buffers),
    6: offsets(builder, entries),
    7: offsets(builder, [signature]),
  };
  builder.startObject(8);
  builder.addFieldInt32(0, 3, 0);
  for (const [slot, offset] of Object.entries(fields))
    builder.addFieldOffset(Number(slot), offset, 0);
  builder.finish(builder.endObject(), 'TFL3');
  return builder.asUint8Array().slice() as Uint8Array<ArrayBuffer>;
}

function writeBuffer(builder: Builder, bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return writeTable(builder, 1, {});
  builder.prep(alignment, bytes.length);
  return writeTable(builder, 1, { 0: builder.createByteVector(bytes) });
}

function writeTensor(
  builder: Builder,
  { name, shape, type, quantization }: LiteRtTensor,
  buffer: number,
): number {
  const sides = integers(builder, shape);
  const text = builder.createString(name);
  const numbers = quantization === undefined ? 0 : writeQuantization(builder, quantization);
  builder.startObject(9);
  builder.addFieldOffset(0, sides, 0);
  builder.addFieldInt8(1, tensorTypes[type], 0);
  builder.addFieldInt32(2, buffer, 0);
  builder.addFieldOffset(3, text, 0);
  if (numbers !== 0) builder.addFieldOffset(4, numbers, 0);
  builder.addFieldInt8(8, 1, 0);
  return builder.endObject();
}

function writeQuantization(
  builder: Builder,
  { scales, zeroPoint, axis = 0 }: TensorQuantization,
): number {
  builder.startVector(4, scales.length, 4);
  for (let at = scales.length - 1; at >= 0; at--) builder.addFloat32(scales[at] as number);
  const scaleVector = builder.endVector();
  builder.startVector(8, scales.length, 8);
  for (let at = 0; at < scales.length; at++) builder.addInt64(BigInt(zeroPoint));
  const zeroPoints = builder.endVector();
  builder.startObject(7);
  builder.addFieldOffset(2, scaleVector, 0);
  builder.addFieldOffset(3, zeroPoints, 0);
  builder.addFieldInt32(6, axis, 0);
  return builder.endObject();
}

function writeOperation(
  builder: Builder,
  { inputs, outputs, options }: LiteRtOperation,
  code: number,
): number {
  const [from, to] = [integers(builder, inputs), integers(builder, outputs)];
  const table = options === undefined ? 0 : writeOptions(builder, options);
  builder.startObject(5);
  builder.addFieldInt32(0, code, 0);
  builder.addFieldOffset(1, from, 0);
  builder.addFieldOffset(2, to, 0);
  if (options !== undefined) {
    builder.addFieldInt8(3, options.type, 0);
    builder.addFieldOffset(4, table, 0);
  }
  return builder.endObject();
}

function writeOptions(builder: Builder, { fields }: Options): number {
  const slots = Object.keys(fields).map(Number);
  builder.startObject(1 + Math.max(-1, ...slots));
  for (const slot of slots) {
    const field = fields[slot] as Options['fields'][number];
    if ('int8' in field) builder.addFieldInt8(slot, field.int8, 0);
    else if ('int32' in field) builder.addFieldInt32(slot, field.int32, 0);
    else if ('float32' in field) builder.addFieldFloat32(slot, field.float32, 0);
    else builder.addFieldInt8(slot, Number(field.bool), 0);
  }
  return builder.endObject();
}

/** Old readers look at the first field, which has 127 for operators above it. */
function writeOperatorCode(builder: Builder, name: OperatorName): number {
  const [code, version] = operators[name];
  builder.startObject(4);
  builder.addFieldInt8(0, Math.min(code, 127), 0);
  builder.addFieldInt32(2, version, 1);
  builder.addFieldInt32(3, code, 0);
  return builder.endObject();
}

function writeSignature(
  builder: Builder,
  inputs: LiteRtModel['inputs'],
  outputs: LiteRtModel['outputs'],
): number {
  const maps = (tensors: Readonly<Record<string, number>>) =>
    offsets(
      builder,
      Object.entries(tensors).map(([name, tensor]) => {
        const text = builder.createString(name);
        builder.startObject(2);
        builder.addFieldOffset(0, text, 0);
        builder.addFieldInt32(1, tensor, 0);
        return builder.endObject();
      }),
    );
  const fields = {
    0: maps(inputs),
    1: maps(outputs),
    2: builder.createString('serving_default'),
  };
  return writeTable(builder, 5, fields);
}

/** Writes a table whose fields are offsets, by slot. */
function writeTable(
  builder: Builder,
  slots: number,
  fields: Readonly<Record<number, number>>,
): number {
  builder.startObject(slots);
  for (const [slot, offset] of Object.entries(fields))
    builder.addFieldOffset(Number(slot), offset, 0);
  return builder.endObject();
}

function offsets(builder: Builder, tables: readonly number[]): number {
  builder.startVector(4, tables.length, 4);
  for (const table of [...tables].reverse()) builder.addOffset(table);
  return builder.endVector();
}

function integers(builder: Builder, values: readonly number[]): number {
  builder.startVector(4, values.length, 4);
  for (const value of [...values].reverse()) builder.addInt32(value);
  return builder.endVector();
}

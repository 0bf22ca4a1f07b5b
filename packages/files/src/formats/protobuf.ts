/** The wire format of protocol buffers: fields of a message, without a schema. */
import { ensure } from '@kd/core';
import { concatBytes } from '../source.ts';

/**
 * Number of a field and its value: a whole number below ±2⁵³, a 32-bit float, text, bytes, or a
 * message. A repeated field is given once for each value.
 */
export type ProtobufValue = readonly [
  number: number,
  value: number | ProtobufFloat | string | Uint8Array | readonly ProtobufValue[],
];

/** A number that is stored as a 32-bit float: a field of type `float`. */
export interface ProtobufFloat {
  readonly float: number;
}

/** Encodes a message. Bytes among its values are copied once. */
export function encodeProtobuf(fields: readonly ProtobufValue[]): Uint8Array<ArrayBuffer> {
  return concatBytes(encodeFields(fields));
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** @returns The pieces of the message, in order. */
function encodeFields(fields: readonly ProtobufValue[]): Uint8Array[] {
  return fields.flatMap(([number, value]) => {
    const tag = (wireType: number) => varint(number * 8 + wireType);
    if (typeof value === 'number') return Uint8Array.of(...tag(VARINT), ...varint(value));
    if (isFloat(value)) {
      const bits = new DataView(new ArrayBuffer(4));
      bits.setFloat32(0, value.float, true);
      return [Uint8Array.from(tag(FIXED_32)), new Uint8Array(bits.buffer)];
    }
    const pieces = encodeLengthDelimited(value);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    return [Uint8Array.of(...tag(LENGTH_DELIMITED), ...varint(length)), ...pieces];
  });
}

function encodeLengthDelimited(
  value: string | Uint8Array | readonly ProtobufValue[],
): Uint8Array[] {
  if (typeof value === 'string') return [new TextEncoder().encode(value)];
  return value instanceof Uint8Array ? [value] : encodeFields(value);
}

function isFloat(value: ProtobufValue[1]): value is ProtobufFloat {
  return typeof value === 'object' && 'float' in value;
}

/** Seven bits a byte, lowest first; a negative number as the 64 bits of its two's complement. */
function varint(value: number): number[] {
  if (value < 0) return wideVarint(BigInt.asUintN(64, BigInt(value)));
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}

function wideVarint(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  return value < 0x80n ? [low] : [low | 0x80, ...wideVarint(value >> 7n)];
}

/** One field of a message. */
export interface ProtobufField {
  readonly number: number;
  /**
   * A number for varints, exact below 2⁵³; bytes (no copy) for strings, bytes and messages;
   * undefined
   * for fixed 32-bit and 64-bit values, which are skipped.
   */
  readonly value: number | Uint8Array | undefined;
}

/**
 * Reads the fields of a message in order. The bytes need not be trusted: nothing is read beyond
 * their end.
 * @param caller Start of messages. @param what Kind of the message: `an ONNX file`.
 * @throws RangeError if the bytes are no message.
 */
export function* protobufFields(
  message: Uint8Array,
  caller = 'protobufFields',
  what = 'a protobuf message',
): Generator<ProtobufField, void, undefined> {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let digit = 0; digit < 10; digit++) {
      const byte = message[at++];
      ensure(
        byte !== undefined,
        caller,
        what,
        'one that ends within a number',
        'it is another kind of file, or cut short',
      );
      value += (byte & 0x7f) * 2 ** (7 * digit);
      if (byte < 0x80) return value;
    }
    ensure(
      false,
      caller,
      what,
      'a number of more than 10 bytes',
      'it is another kind of file, or damaged',
    );
  };
  const skip = (length: number): void => {
    ensure(
      at + length <= message.length,
      caller,
      `${length} bytes in a field`,
      message.length - at,
      'the file is cut short',
    );
    at += length;
  };
  while (at < message.length) {
    const tag = readVarint();
    const [number, wireType] = [Math.floor(tag / 8), tag % 8];
    if (wireType === 0) yield { number, value: readVarint() };
    else if (wireType === 2) {
      const length = readVarint();
      skip(length);
      yield { number, value: message.subarray(at - length, at) };
    } else {
      ensure(
        wireType === 1 || wireType === 5,
        caller,
        what,
        `a field of wire type ${wireType}`,
        'it is another kind of file, or damaged',
      );
      skip(wireType === 1 ? 8 : 4);
      yield { number, value: undefined };
    }
  }
}

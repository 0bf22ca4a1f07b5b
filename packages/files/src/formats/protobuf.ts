/** The wire format of protocol buffers: fields of a message, without a schema. */
import { ensure } from '@kd/core';

/** Number of a field and its value: a whole number ≥ 0, text, bytes, or a message. */
export type ProtobufValue = readonly [
  number: number,
  value: number | string | Uint8Array | readonly ProtobufValue[],
];

/** Encodes a message. */
export function encodeProtobuf(fields: readonly ProtobufValue[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(encodeFields(fields));
}

function encodeFields(fields: readonly ProtobufValue[]): number[] {
  return fields.flatMap(([number, value]) => {
    if (typeof value === 'number') return [...varint(number * 8), ...varint(value)];
    const bytes = encodeLengthDelimited(value);
    return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
  });
}

function encodeLengthDelimited(value: Exclude<ProtobufValue[1], number>): number[] {
  if (typeof value === 'string') return [...new TextEncoder().encode(value)];
  return value instanceof Uint8Array ? [...value] : encodeFields(value);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
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

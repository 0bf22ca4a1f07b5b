/** The little of protocol buffers that the C API needs: messages in, messages out. */

/** Number of a field and its value: an integer ≥ 0, text, or a message. */
export type Field = readonly [number: number, value: number | string | readonly Field[]];

/** Encodes a message. */
export function encodeMessage(fields: readonly Field[]): Uint8Array {
  return Uint8Array.from(encodeFields(fields));
}

function encodeFields(fields: readonly Field[]): number[] {
  return fields.flatMap(([number, value]) => {
    if (typeof value === 'number') return [...varint(number * 8), ...varint(value)];
    const bytes =
      typeof value === 'string' ? [...new TextEncoder().encode(value)] : encodeFields(value);
    return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
  });
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}

/** One field of a decoded message: a number for varints and fixed values, bytes for the rest. */
export interface ProtobufField {
  readonly number: number;
  readonly value: number | Uint8Array;
}

/**
 * Yields the fields of a message in order. 64-bit varints above 2⁵³ lose digits; fixed values are
 * skipped, as 0.
 */
export function* protobufFields(message: Uint8Array): Generator<ProtobufField> {
  let at = 0;
  const readVarint = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = message[at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = readVarint();
    const wireType = tag & 7;
    const number = Math.floor(tag / 8);
    if (wireType === 0) yield { number, value: readVarint() };
    else if (wireType === 2) {
      const length = readVarint();
      yield { number, value: message.subarray(at, at + length) };
      at += length;
    } else {
      yield { number, value: 0 };
      at += wireType === 1 ? 8 : 4;
    }
  }
}

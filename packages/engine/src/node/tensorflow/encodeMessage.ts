/** Number of a field and its value: a whole number ≥ 0, text, or a message. */
export type Field = readonly [number: number, value: number | string | readonly Field[]];

/** A message of protocol buffers. */
export function encodeMessage(fields: readonly Field[]): Uint8Array {
  return Uint8Array.from(bytesOf(fields));
}

function bytesOf(fields: readonly Field[]): number[] {
  return fields.flatMap(([number, value]) => {
    if (typeof value === 'number') return [...varint(number * 8), ...varint(value)];
    const bytes = typeof value === 'string' ? [...new TextEncoder().encode(value)] : bytesOf(value);
    return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
  });
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}

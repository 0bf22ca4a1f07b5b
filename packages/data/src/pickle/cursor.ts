import { ensure } from '@kd/core';

/** Reads little-endian values one after the other; never beyond the end. */
export interface Cursor {
  at(): number;
  byte(): number;
  unsigned16(): number;
  unsigned32(): number;
  signed32(): number;
  /** A view, not a copy. */
  take(length: number): Uint8Array;
  /** Text up to a line feed, which is passed over. */
  line(): string;
}

/** @param where For messages: the file's name. */
export function cursor(bytes: Uint8Array, where: string): Cursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let next = 0;
  const advance = (length: number): number => {
    ensure(length >= 0 && next + length <= bytes.length, where, `${length} bytes at byte ${next}`, bytes.length - next, 'the file is cut short');
    next += length;
    return next - length;
  };
  return {
    at: () => next,
    byte: () => view.getUint8(advance(1)),
    unsigned16: () => view.getUint16(advance(2), true),
    unsigned32: () => view.getUint32(advance(4), true),
    signed32: () => view.getInt32(advance(4), true),
    take(length) {
      const start = advance(length);
      return bytes.subarray(start, start + length);
    },
    line() {
      const end = bytes.indexOf(10, next);
      ensure(end >= 0 && end - next <= 256, where, 'a short name that ends with its line', 'none', 'the file is cut short');
      const text = new TextDecoder('latin1').decode(bytes.subarray(next, end));
      next = end + 1;
      return text;
    },
  };
}

import { ensure, expectedError } from '@kd/core';
import { type ByteSource, subarrayBetween } from '../../byteSource.ts';

/** Reads little-endian values one after the other; never beyond the end. */
export interface Cursor {
  /** The byte that is read next. */
  at(): number;
  byte(): number;
  unsigned16(): number;
  unsigned32(): number;
  /** @throws RangeError above 2⁵³ − 1, more than any file holds. */
  unsigned64(): number;
  signed32(): number;
  /** A 64-bit float with its high byte first, as pickles hold it. */
  float64(): number;
  /** A copy. */
  take(length: number): Uint8Array<ArrayBuffer>;
  /** So many bytes of text. @throws RangeError where they are not UTF-8. */
  text(length: number): string;
  /** Text of at most 256 bytes up to a line feed, which is passed over. */
  line(): string;
}

const blockLength = 1 << 16;

/** @param caller For messages: the file's name. @param start The first byte to read. */
export function cursor(source: ByteSource, caller: string, start = 0): Cursor {
  let next = start;
  let block = new DataView(new ArrayBuffer(0));
  let blockStart = start;
  /** Passes over some bytes. */
  const advance = (length: number): void => {
    ensure(
      length >= 0 && next + length <= source.length,
      caller,
      `${length} bytes at byte ${next}`,
      source.length - next,
      'the file is cut short',
    );
    next += length;
  };
  /** Passes over a few bytes. @param use Reads them from the block, where they begin at `at`. */
  const read = <Value>(length: number, use: (at: number) => Value): Value => {
    advance(length);
    const first = next - length;
    if (next > blockStart + block.byteLength) {
      block = new DataView(
        subarrayBetween(source, first, Math.min(source.length, first + blockLength)).buffer,
      );
      blockStart = first;
    }
    return use(first - blockStart);
  };
  const take = (length: number): Uint8Array<ArrayBuffer> => {
    if (length >= 0 && length <= blockLength)
      return read(length, (at) =>
        new Uint8Array(block.buffer as ArrayBuffer).slice(at, at + length),
      );
    advance(length);
    return subarrayBetween(source, next - length, next);
  };
  const byte = () => read(1, (at) => block.getUint8(at));
  return {
    at: () => next,
    byte,
    unsigned16: () => read(2, (at) => block.getUint16(at, true)),
    unsigned32: () => read(4, (at) => block.getUint32(at, true)),
    unsigned64: () => {
      const value = Number(read(8, (at) => block.getBigUint64(at, true)));
      ensure(
        Number.isSafeInteger(value),
        caller,
        'lengths within the file',
        value,
        'the file is damaged',
      );
      return value;
    },
    signed32: () => read(4, (at) => block.getInt32(at, true)),
    float64: () => read(8, (at) => block.getFloat64(at, false)),
    take,
    text(length) {
      const bytes = take(length);
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch (cause) {
        throw Object.assign(
          expectedError(
            caller,
            `text in UTF-8 at byte ${next - length}`,
            'other bytes',
            'the file is damaged',
          ),
          { cause },
        );
      }
    },
    line() {
      const codes: number[] = [];
      for (;;) {
        ensure(
          next < source.length && codes.length <= 256,
          caller,
          'a short name that ends with its line',
          'none',
          'the file is cut short',
        );
        const code = byte();
        if (code === 10) return String.fromCharCode(...codes);
        codes.push(code);
      }
    },
  };
}

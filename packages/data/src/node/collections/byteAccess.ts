/** Bytes of one array that are read in parts, from a file that may be larger than memory. */
import { ensure } from '@kd/core';
import { type ByteSource, readRange } from '@kd/files';

/** Bytes that are read by range, the fastest in order. */
export interface ByteAccess {
  /** Number of bytes; Infinity: known only at the end. */
  readonly length: number;
  /** Reads the bytes from `from` to `to`: a view that must not be changed. */
  read(from: number, to: number): Promise<Uint8Array>;
}

/** Bytes that are read at a time. */
const blockBytes = 2 ** 22;
/** Compressed content up to this many bytes is kept in memory when it has been unpacked. */
const memoryBytes = 2 ** 28;
/** Bytes of larger content that are kept behind the position of reading. */
const windowBytes = 2 ** 23;

/** Creates access to a part of a file: a block of 4 MiB is kept. */
export function rangeAccess(source: ByteSource, begin: number, end: number): ByteAccess {
  let [block, start] = [new Uint8Array(0), 0];
  return {
    length: end - begin,
    async read(from, to) {
      if (from < start || to > start + block.length) {
        const last = Math.min(Math.max(to, from + blockBytes), end - begin);
        block = readRange(source, begin + from, begin + last);
        start = from;
      }
      return block.subarray(from - start, to - start);
    },
  };
}

/**
 * Creates access to compressed content. Up to 256 MiB of it are unpacked once and kept. Larger
 * content is unpacked while it is read and only a window of 8 MiB is kept: in order it costs one
 * pass; each step back beyond the window begins again at the start.
 * @param open Begins to unpack.
 * @param length Bytes when unpacked; Infinity: unknown.
 * @param caller Start of messages.
 */
export function streamAccess(
  open: () => AsyncIterable<Uint8Array>,
  length: number,
  caller: string,
): ByteAccess {
  let pieces: Uint8Array[] = [];
  /** Positions of the first kept byte and of the next one to be unpacked. */
  let [start, position] = [0, 0];
  let iterator: AsyncIterator<Uint8Array> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function advance(to: number, from: number): Promise<void> {
    if (from < start || iterator === undefined) {
      await iterator?.return?.();
      iterator = open()[Symbol.asyncIterator]();
      [pieces, start, position] = [[], 0, 0];
    }
    while (position < to) {
      const next = await iterator.next();
      ensure(next.done !== true, caller, `${to} bytes`, position, 'the file is cut short');
      pieces.push(next.value);
      position += next.value.length;
      const keep = length <= memoryBytes ? 0 : Math.min(from, position - windowBytes);
      while (pieces[0] !== undefined && start + pieces[0].length <= keep)
        start += (pieces.shift() as Uint8Array).length;
    }
  }

  function copy(from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(to - from);
    let at = start;
    for (const piece of pieces) {
      const [low, high] = [Math.max(from, at), Math.min(to, at + piece.length)];
      if (low < high) bytes.set(piece.subarray(low - at, high - at), low - from);
      at += piece.length;
      if (at >= to) break;
    }
    return bytes;
  }

  async function readNow(from: number, to: number): Promise<Uint8Array> {
    if (length <= memoryBytes && pieces.length !== 1) {
      await advance(length, 0);
      pieces = [copy(0, length)];
    }
    await advance(to, from);
    if (length <= memoryBytes) return (pieces[0] as Uint8Array).subarray(from, to);
    return copy(from, to);
  }

  return {
    length,
    read(from, to) {
      const read = last.then(() => readNow(from, to));
      last = read.catch(() => {});
      return read;
    },
  };
}

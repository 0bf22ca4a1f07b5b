import { ensure } from '@kd/core';

/** Creates a stream of bytes in memory. */
export function toByteStream(bytes: Uint8Array, chunkLength = 1 << 20): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.subarray(at, at + chunkLength));
      else controller.close();
      at += chunkLength;
    },
  });
}

/** Reads a stream by numbers of bytes. */
export interface ByteReader {
  /** Reads the next `length` bytes. @throws Error if the stream ends before. */
  read(length: number): Promise<Uint8Array>;
  /** Skips bytes. @throws Error if the stream ends before. */
  skip(length: number): Promise<void>;
  /** Skips the rest of the stream, so that a checksum at the end is verified. */
  rest(): Promise<void>;
  /** Cancels the stream. */
  close(): Promise<void>;
}

/** Creates a reader of a stream. */
export function byteReader(stream: ReadableStream<Uint8Array>): ByteReader {
  const reader = stream.getReader();
  let piece = new Uint8Array(0);
  let at = 0;
  async function refill(): Promise<boolean> {
    while (at === piece.length) {
      const next = await reader.read();
      if (next.done) return false;
      piece = next.value as Uint8Array<ArrayBuffer>;
      at = 0;
    }
    return true;
  }
  async function consume(
    length: number,
    take: (part: Uint8Array, done: number) => void,
  ): Promise<void> {
    for (let done = 0; done < length; ) {
      if (!(await refill())) throw new Error('end of data');
      const part = piece.subarray(at, at + length - done);
      take(part, done);
      at += part.length;
      done += part.length;
    }
  }
  return {
    async read(length) {
      const bytes = new Uint8Array(length);
      await consume(length, (part, done) => bytes.set(part, done));
      return bytes;
    },
    skip: (length) => consume(length, () => {}),
    async rest() {
      while (await refill()) at = piece.length;
    },
    close: () => reader.cancel().catch(() => {}),
  };
}

/** Passes at most `limit` bytes. @throws RangeError at the first byte above. */
export function limitBytes(limit: number, caller: string): TransformStream<Uint8Array, Uint8Array> {
  let seen = 0;
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      seen += piece.length;
      ensure(
        seen <= limit,
        caller,
        `at most ${limit} bytes when unpacked`,
        'more',
        'it is not the archive it should be',
      );
      controller.enqueue(piece);
    },
  });
}

/**
 * Decompresses with the platform's own decoder.
 * @param format `deflate` has a zlib header and checksum, `deflate-raw` (zip) has neither.
 */
export function decompress(
  stream: ReadableStream<Uint8Array>,
  format: 'gzip' | 'deflate' | 'deflate-raw',
): ReadableStream<Uint8Array> {
  // The declarations of the DOM and of Node differ, the objects are the same.
  const decoder = new DecompressionStream(format) as unknown as {
    readable: ReadableStream<Uint8Array>;
    writable: WritableStream<Uint8Array>;
  };
  return stream.pipeThrough(decoder);
}

/** Bytes that are read by range: of a file on disk, or of memory. */
export interface ByteSource {
  /** Bytes in all. */
  readonly length: number;
  /** Fills `target` with the bytes from `start` on; all of them lie below `length`. */
  fill(target: Uint8Array, start: number): void;
}

/** Bytes in memory, by range. */
export function byteSource(bytes: Uint8Array): ByteSource {
  return {
    length: bytes.length,
    fill: (target, start) => target.set(bytes.subarray(start, start + target.length)),
  };
}

/** A copy of the bytes from `start` to `end`. */
export function subarrayBetween(
  source: ByteSource,
  start: number,
  end: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(end - start);
  source.fill(bytes, start);
  return bytes;
}

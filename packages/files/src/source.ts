/** Bytes that are read by range, such as a file on disk or bytes in memory. */
export interface ByteSource {
  /** Number of bytes. */
  readonly length: number;
  /** Fills `target` with the bytes from `start` on; all of them must lie below `length`. */
  fill(target: Uint8Array, start: number): void;
}

/** Creates a byte source over bytes in memory. */
export function byteSource(bytes: Uint8Array): ByteSource {
  return {
    length: bytes.length,
    fill: (target, start) => target.set(bytes.subarray(start, start + target.length)),
  };
}

/** Reads the bytes from `start` to `end`. @returns A copy. */
export function readRange(source: ByteSource, start: number, end: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(end - start);
  source.fill(bytes, start);
  return bytes;
}

/** Joins pieces to one array; absent ones are skipped. */
export function concatBytes(pieces: readonly (Uint8Array | undefined)[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + (piece?.length ?? 0), 0));
  let at = 0;
  for (const piece of pieces) {
    if (piece === undefined) continue;
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

import { expectedError, sha256 } from '@kd/core';

/**
 * Images of one shape, read one at a time: from memory, or from a file that may be larger than it.
 */
export interface ImageRows {
  /** Number of images. */
  readonly count: number;
  /**
   * Reads an image.
   * @param index 0 ≤ index < count.
   * @returns uint8 [height × width × channels], valid until the next call; it must not be changed.
   */
  read(index: number): Uint8Array;
  /** Returns the hash of all pixels, as `hashPixels` computes it. */
  hash(): Promise<string>;
}

/** Bytes that are hashed at once: web crypto takes less than 2²⁸. */
export const blockBytes = 2 ** 26;

/** Pixels up to this many bytes are hashed as one piece. */
export const wholeBytes = 2 ** 28 - 1;

/** Images in one array, [images × size]. @param size Bytes of an image. */
export function memoryRows(pixels: Uint8Array, size: number): ImageRows {
  let hash: Promise<string> | undefined;
  return {
    count: pixels.length / size,
    read: (index) => pixels.subarray(index * size, (index + 1) * size),
    hash() {
      hash ??= hashPixels(pixels.length, (from, to) => pixels.subarray(from, to));
      return hash;
    },
  };
}

/**
 * Hashes pixels of any number: up to 256 MB their sha256, beyond that the sha256 of the sha256 of
 * every 64 MiB.
 * @param bytes Number of all bytes. @param read Returns the bytes from `from` to `to`.
 * @returns 64 hexadecimal digits.
 */
export async function hashPixels(
  bytes: number,
  read: (from: number, to: number) => Uint8Array | Promise<Uint8Array>,
): Promise<string> {
  if (bytes <= wholeBytes) return sha256(await read(0, bytes));
  const digests: string[] = [];
  for (let from = 0; from < bytes; from += blockBytes) {
    const to = Math.min(bytes, from + blockBytes);
    const block = await read(from, to);
    if (block.length !== to - from)
      throw expectedError('hashPixels', `${to - from} bytes from ${from}`, block.length);
    digests.push(await sha256(block));
  }
  return sha256(new TextEncoder().encode(digests.join('\n')));
}

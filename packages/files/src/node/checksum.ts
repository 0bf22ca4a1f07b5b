import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** @param algorithm `md5`, `sha512`. @returns In hexadecimal. */
export async function hashFile(
  file: string,
  algorithm: string,
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash(algorithm);
  for await (const piece of createReadStream(file, {
    highWaterMark: 1 << 20,
    ...(signal && { signal }),
  }))
    hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** @returns In hexadecimal. */
export function hashBytes(pieces: readonly Uint8Array[], algorithm: string): string {
  const hash = createHash(algorithm);
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/** Hashes a file. @param algorithm `md5`, `sha512`. @returns Hexadecimal digits. */
export function hashFile(file: string, algorithm: string, signal?: AbortSignal): Promise<string> {
  return updateFromFile(createHash(algorithm), file, signal);
}

/** Hashes bytes. @param algorithm `md5`, `sha512`. @returns Hexadecimal digits. */
export function hashBytes(pieces: readonly Uint8Array[], algorithm: string): string {
  const hash = createHash(algorithm);
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

/** Hashes a file as git does: the sha1 of `blob <bytes>\0` and the content. */
export async function hashGitBlob(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha1').update(`blob ${(await stat(file)).size}\0`);
  return updateFromFile(hash, file, signal);
}

async function updateFromFile(hash: Hash, file: string, signal?: AbortSignal): Promise<string> {
  const stream = createReadStream(file, { highWaterMark: 1 << 20, ...(signal && { signal }) });
  for await (const piece of stream) hash.update(piece as Buffer);
  return hash.digest('hex');
}

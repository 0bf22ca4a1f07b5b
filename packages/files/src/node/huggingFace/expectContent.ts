import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ensure } from '@kd/core';
import { hashFile } from '@kd/files/node';

/**
 * Throws unless a file is what its etag says.
 * @param etag 64 digits: the sha256 of its bytes. 40 digits: git's name for them, the sha1 of `blob
 * <bytes>\0` and the bytes.
 * @param place Whose, for the message.
 */
export async function verifyEtag(
  file: string,
  etag: string,
  place: string,
  remedy: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const large = etag.length === 64;
  const got = large ? await hashFile(file, 'sha256', signal) : await gitHash(file);
  ensure(got === etag, place, `${large ? 'sha256' : 'git hash'} ${etag}`, got, remedy);
}

async function gitHash(file: string): Promise<string> {
  const hash = createHash('sha1').update(`blob ${(await stat(file)).size}\0`);
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 }))
    hash.update(piece as Buffer);
  return hash.digest('hex');
}

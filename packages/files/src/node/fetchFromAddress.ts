import { createHash } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { ensure } from '@kd/core';
import { cacheDirectory, download, hashFile, redactUrl } from '@kd/files/node';
import type { FetchedFile, FetchOptions } from './fetchedFile.ts';

const largest = 2 ** 36;

/**
 * Downloads a file once, resumably where its checksum is known: given, or in its name as
 * torchvision and timm have it (`resnet50-11ad3fa6.pth`: the first
 * digits of its sha256). What is in the cache is used again and nothing is asked of the network.
 * @throws RangeError that names the address.
 */
export async function fetchFromAddress(
  url: URL,
  { sha256, cache, createProgress, signal }: FetchOptions,
): Promise<FetchedFile> {
  const name = path.posix.basename(url.pathname).replace(/[^\w.-]/g, '-') || 'weights';
  const folder = path.join(
    cache ?? path.join(cacheDirectory(), 'weights'),
    createHash('sha256').update(url.href).digest('hex').slice(0, 16),
  );
  const file = path.join(folder, name);
  const wanted = (sha256 ?? /-([0-9a-f]{8,64})\.\w+$/.exec(name)?.[1])?.toLowerCase();
  const expectWanted = async (place: string, remedy: string): Promise<string> => {
    const got = await hashFile(place, 'sha256', signal);
    ensure(
      wanted === undefined || got.startsWith(wanted),
      redactUrl(url),
      `sha256 ${wanted}`,
      got,
      remedy,
    );
    return got;
  };
  if (!(await isFile(file))) {
    const part = await download(url, {
      folder,
      name,
      resume: wanted !== undefined,
      largest,
      createProgress,
      signal,
    });
    try {
      await expectWanted(
        part,
        'what the server sent is another file, altered or cut short: try again',
      );
      await rename(part, file);
    } finally {
      await rm(part, { force: true });
    }
  }
  const got = await expectWanted(file, `${file} is damaged or another version: remove it`);
  return { path: file, metadata: { source: redactUrl(url), sha256: got } };
}

function isFile(place: string): Promise<boolean> {
  return stat(place).then(
    (found) => found.isFile(),
    () => false,
  );
}

import { createHash } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensure } from '@kd/core';
import { cacheDirectory } from '../cacheDirectory.ts';
import { hashFile } from '../checksum.ts';
import { download, redactUrl } from '../download.ts';
import { isFile } from '../exists.ts';
import { type FetchedFile, fetchFromHub } from '../huggingFace/fetchFromHub.ts';
import type { HubOptions } from '../huggingFace/repository.ts';

/** Options of `fetchFile`. */
export interface FetchOptions extends HubOptions {
  /**
   * Expected sha256 of the file that `source` names, in hexadecimal. Files of the hub are verified
   * without it.
   */
  readonly sha256?: string;
  /**
   * Directory for downloads: by default the hub's own cache for `hf:`, and `weights` in
   * `cacheDirectory()` for other URLs.
   */
  readonly cache?: string;
}

const maxBytes = 2 ** 36;

/**
 * Fetches a file of weights to this disk, if it is not there yet.
 * @param source A path, or a URL: `file:`, `hf:`, `https:`, `http:`.
 * @throws RangeError that names the source and a remedy.
 */
export async function fetchFile(source: string | URL, options: FetchOptions): Promise<FetchedFile> {
  options.signal?.throwIfAborted();
  const fetched = await fetchFrom(String(source), options);
  const { sha256, signal } = options;
  if (sha256 !== undefined) {
    const got = await hashFile(fetched.path, 'sha256', signal);
    ensure(
      got === sha256.toLowerCase(),
      path.basename(fetched.path),
      `sha256 ${sha256}`,
      got,
      'it is another file, or altered',
    );
  }
  return fetched;
}

async function fetchFrom(source: string, options: FetchOptions): Promise<FetchedFile> {
  if (source.startsWith('hf:')) return fetchFromHub(source, options);
  if (/^https?:/.test(source)) return fetchFromUrl(new URL(source), options);
  return { path: source.startsWith('file:') ? fileURLToPath(source) : source, metadata: {} };
}

/**
 * Downloads a file once. The download can be resumed if a checksum is known: from the options, or
 * from the file name as in torchvision and timm (`resnet50-11ad3fa6.pth`: the first digits of its
 * sha256). A file in the cache is used without any request.
 */
async function fetchFromUrl(
  url: URL,
  { sha256, cache, createProgress, signal }: FetchOptions,
): Promise<FetchedFile> {
  const name = path.posix.basename(url.pathname).replace(/[^\w.-]/g, '-') || 'weights';
  const directory = path.join(
    cache ?? path.join(cacheDirectory(), 'weights'),
    createHash('sha256').update(url.href).digest('hex').slice(0, 16),
  );
  const file = path.join(directory, name);
  const expected = (sha256 ?? /-([0-9a-f]{8,64})\.\w+$/.exec(name)?.[1])?.toLowerCase();
  const verify = async (downloaded: string, remedy: string): Promise<string> => {
    const got = await hashFile(downloaded, 'sha256', signal);
    ensure(
      expected === undefined || got.startsWith(expected),
      redactUrl(url),
      `sha256 ${expected}`,
      got,
      remedy,
    );
    return got;
  };
  if (!(await isFile(file))) {
    const resume = expected !== undefined;
    const part = await download(url, { directory, name, resume, maxBytes, createProgress, signal });
    try {
      await verify(part, 'what the server sent is another file, altered or cut short: try again');
      await rename(part, file);
    } finally {
      await rm(part, { force: true });
    }
  }
  const got = await verify(file, `${file} is damaged or another version: remove it`);
  return { path: file, metadata: { source: redactUrl(url), sha256: got } };
}

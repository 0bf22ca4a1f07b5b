import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensure, type ProgressFactory } from '@kd/core';
import { hashFile } from '@kd/files/node';
import { fetchFromAddress } from './fetchFromAddress.ts';
import { fetchFromHub } from './huggingFace/fetchFromHub.ts';

export interface FetchOptions {
  /**
   * Of the file that `source` names, in hexadecimal: it must be this one. The hub's own files are
   * checked without it.
   */
  readonly sha256?: string;
  /**
   * Folder for what is downloaded: by default the hub's own cache for `hf:`, and `weights` in
   * `cacheDirectory()` of @kd/core/node for other addresses.
   */
  readonly cache?: string;
  readonly createProgress?: ProgressFactory;
  readonly signal?: AbortSignal;
}

/** A file that is on this disk now. */
export interface FetchedFile {
  readonly path: string;
  /** Where it came from; nothing of a file that was here. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Brings a file of weights onto this disk, wherever it is.
 * @param source A path, or an address: `file:`, `hf:`, `https:`, `http:`.
 * @throws RangeError that names it and says what can be done.
 */
export async function fetchFile(source: string | URL, options: FetchOptions): Promise<FetchedFile> {
  options.signal?.throwIfAborted();
  const text = String(source);
  const fetched = await fetchBy(text, options);
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

async function fetchBy(source: string, options: FetchOptions): Promise<FetchedFile> {
  if (source.startsWith('hf:')) return fetchFromHub(source, options);
  if (/^https?:/.test(source)) return fetchFromAddress(new URL(source), options);
  return { path: source.startsWith('file:') ? fileURLToPath(source) : source, metadata: {} };
}

import { randomUUID } from 'node:crypto';
import { copyFile, readdir, readFile, realpath, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { ensure } from '@kd/core';
import { ensureDirectory, writeFileAtomic } from '../atomicWrite.ts';
import { hashFile, hashGitBlob } from '../checksum.ts';
import { isFile } from '../exists.ts';

/**
 * A repository's directory in the hub's cache, in the layout of Python's `huggingface_hub`, so that
 * both find each other's files: `refs/<revision>` contains a commit, `snapshots/<commit>/<file>`
 * links to `blobs/<etag>`. Beside them, for datasets, `listings/<commit>.json` is ours. Every file appears by renaming: several processes may use it at the same time.
 */
export interface HubCache {
  /** Reads the commit of a revision at the last request. */
  readCommit(revision: string): Promise<string | undefined>;
  writeCommit(revision: string, commit: string): Promise<void>;
  /** Lists the cached files of a commit. */
  listFiles(commit: string): Promise<readonly string[]>;
  /**
   * Reads the names of all files of a commit, cached or not, which Python does not keep: without
   * them nobody offline could tell that a file of a dataset is missing.
   */
  readListing(commit: string): Promise<readonly string[] | undefined>;
  writeListing(commit: string, files: readonly string[]): Promise<void>;
  /** Returns the path of a file, which may not exist yet. */
  pathOf(commit: string, file: string): string;
  has(commit: string, file: string): Promise<boolean>;
  /** Reads the etag of a file; undefined if it is a copy, on a disk without links. */
  readEtag(commit: string, file: string): Promise<string | undefined>;
  /** Directory of the blobs. */
  readonly blobs: string;
  hasBlob(etag: string): Promise<boolean>;
  /** Moves a verified download into the cache. */
  addBlob(download: string, etag: string): Promise<void>;
  link(commit: string, file: string, etag: string): Promise<void>;
}

/** Creates the cache of one repository. */
export function hubCache(directory: string): HubCache {
  const blobs = path.join(directory, 'blobs');
  const snapshot = (commit: string) => path.join(directory, 'snapshots', commit);
  const pathOf = (commit: string, file: string) => path.join(snapshot(commit), ...file.split('/'));
  const listing = (commit: string) => path.join(directory, 'listings', `${commit}.json`);
  const reference = (revision: string) => path.join(directory, 'refs', ...revision.split('/'));
  return {
    blobs,
    pathOf,
    async readCommit(revision) {
      const text = await readFile(reference(revision), 'utf8').catch(() => undefined);
      const commit = text?.trim();
      return isHash(commit, 40) ? commit : undefined;
    },
    writeCommit: (revision, commit) => writeFileAtomic(reference(revision), commit),
    async listFiles(commit) {
      const names = await readdir(snapshot(commit), { recursive: true }).catch(() => []);
      return names.map((name) => name.split(path.sep).join('/'));
    },
    async readListing(commit) {
      const text = await readFile(listing(commit), 'utf8').catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text) as readonly string[]);
    },
    writeListing: (commit, files) => writeFileAtomic(listing(commit), JSON.stringify(files)),
    has: (commit, file) => isFile(pathOf(commit, file)),
    async readEtag(commit, file) {
      const name = path.basename(await realpath(pathOf(commit, file)));
      return isHash(name, 64) || isHash(name, 40) ? name : undefined;
    },
    hasBlob: (etag) => isFile(path.join(blobs, etag)),
    addBlob: (download, etag) => rename(download, path.join(blobs, etag)),
    async link(commit, file, etag) {
      const target = pathOf(commit, file);
      const temporary = `${target}.${randomUUID()}.tmp`;
      const blob = path.join(blobs, etag);
      await ensureDirectory(path.dirname(target));
      try {
        // Relative, as Python's: the cache can be moved. If links are not allowed, it is a copy.
        await symlink(path.relative(path.dirname(target), blob), temporary).catch(() =>
          copyFile(blob, temporary),
        );
        await rename(temporary, target);
      } finally {
        await rm(temporary, { force: true });
      }
    },
  };
}

/**
 * Throws unless a file matches its etag.
 * @param etag 64 digits: the sha256 of its bytes. 40 digits: its hash in git.
 * @param caller Start of the message.
 */
export async function verifyEtag(
  file: string,
  etag: string,
  caller: string,
  remedy: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const large = etag.length === 64;
  const got = large ? await hashFile(file, 'sha256', signal) : await hashGitBlob(file, signal);
  ensure(got === etag, caller, `${large ? 'sha256' : 'git hash'} ${etag}`, got, remedy);
}

/** Whether a value is text of that many hexadecimal digits. */
export function isHash(text: unknown, digits: number): text is string {
  return typeof text === 'string' && text.length === digits && /^[0-9a-f]+$/.test(text);
}

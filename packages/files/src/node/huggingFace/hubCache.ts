import { randomUUID } from 'node:crypto';
import { copyFile, readdir, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { ensureDirectory, writeFileAtomic } from '@kd/files/node';
import { isHash } from './hubClient.ts';

/**
 * A repository's folder in the hub's cache, laid out as Python's `huggingface_hub` does, so that
 * both find each other's files:
 * `refs/<revision>` holds a commit, `snapshots/<commit>/<file>` links to `blobs/<etag>`.
 * Everything appears whole, by renaming: processes may work in it at the same time.
 */
export interface HubCache {
  /** The commit that a revision was when it was last asked for. */
  commitOf(revision: string): Promise<string | undefined>;
  keepCommit(revision: string, commit: string): Promise<void>;
  /** Files of a commit that are here. */
  files(commit: string): Promise<readonly string[]>;
  /** Where a file of a commit is or would be. */
  pathOf(commit: string, file: string): string;
  has(commit: string, file: string): Promise<boolean>;
  /** What a file's bytes must add up to; undefined where it is a copy, on a disk without links. */
  etagOf(commit: string, file: string): Promise<string | undefined>;
  readonly blobs: string;
  hasBlob(etag: string): Promise<boolean>;
  /** Takes over a checked download. */
  keepBlob(download: string, etag: string): Promise<void>;
  link(commit: string, file: string, etag: string): Promise<void>;
}

export function hubCache(folder: string): HubCache {
  const blobs = path.join(folder, 'blobs');
  const snapshot = (commit: string) => path.join(folder, 'snapshots', commit);
  const pathOf = (commit: string, file: string) => path.join(snapshot(commit), ...file.split('/'));
  const reference = (revision: string) => path.join(folder, 'refs', ...revision.split('/'));
  return {
    blobs,
    pathOf,
    async commitOf(revision) {
      const text = await readFile(reference(revision), 'utf8').catch(() => undefined);
      const commit = text?.trim();
      return isHash(commit, 40) ? commit : undefined;
    },
    keepCommit: (revision, commit) => writeFileAtomic(reference(revision), commit),
    async files(commit) {
      const names = await readdir(snapshot(commit), { recursive: true }).catch(() => []);
      return names.map((name) => name.split(path.sep).join('/'));
    },
    has: (commit, file) => isFile(pathOf(commit, file)),
    async etagOf(commit, file) {
      const name = path.basename(await realpath(pathOf(commit, file)));
      return isHash(name, 64) || isHash(name, 40) ? name : undefined;
    },
    hasBlob: (etag) => isFile(path.join(blobs, etag)),
    keepBlob: (download, etag) => rename(download, path.join(blobs, etag)),
    async link(commit, file, etag) {
      const place = pathOf(commit, file);
      const beside = `${place}.${randomUUID()}.tmp`;
      const blob = path.join(blobs, etag);
      await ensureDirectory(path.dirname(place));
      try {
        // Relative, as Python's: the cache can be moved. A disk, or a Windows, that allows no links
        // gets a copy.
        await symlink(path.relative(path.dirname(place), blob), beside).catch(() =>
          copyFile(blob, beside),
        );
        await rename(beside, place);
      } finally {
        await rm(beside, { force: true });
      }
    },
  };
}

function isFile(place: string): Promise<boolean> {
  return stat(place).then(
    (found) => found.isFile(),
    () => false,
  );
}

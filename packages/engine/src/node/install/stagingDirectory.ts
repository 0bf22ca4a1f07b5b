import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { ensureDirectory, isProcessRunning } from '@kd/files/node';

/**
 * An installation is written to a staging directory and renamed into place when it is complete. An
 * incomplete one is removed: at once if it fails or is interrupted, by the next installation if the
 * process was killed.
 */

const stagingPrefix = '.part-';
const secondsOfDay = 86_400;

/** Creates a staging directory, and removes those of processes that have ended. */
export async function createStagingDirectory(beside: string): Promise<string> {
  await ensureDirectory(beside);
  for (const name of await readdir(beside)) {
    if (name.startsWith(stagingPrefix) && (await isAbandoned(join(beside, name))))
      await rm(join(beside, name), { recursive: true, force: true });
  }
  return mkdtemp(join(beside, `${stagingPrefix}${hostname()}-${process.pid}-`));
}

/**
 * Whether the owner of a staging directory has ended. Processes of another machine that shares this
 * file system cannot be checked: their directories are kept for a day.
 */
async function isAbandoned(staging: string): Promise<boolean> {
  const [, machine, owner] = /^\.part-(.*)-(\d+)-\w+$/.exec(basename(staging)) ?? [];
  if (machine === hostname()) return !isProcessRunning(Number(owner));
  const found = await stat(staging).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > secondsOfDay * 1000;
}

/** @throws Error if the disk has less free space. */
export async function assertDiskSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const asGigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
  throw new Error(
    `kd-engine install: expected ${asGigabytes(bytes)} free for ${directory}, got ${asGigabytes(free)}; KD_CACHE moves the cache.`,
  );
}

/**
 * Renames a complete installation into place. If another process was faster, its directory stays:
 * it is equal, and may be in use.
 * @param isComplete Whether an existing directory is usable. @param staging Receives one that is
 * not.
 */
export async function moveIntoPlace(
  complete: string,
  target: string,
  { staging, isComplete }: { staging: string; isComplete: (directory: string) => boolean },
): Promise<void> {
  if (existsSync(target) && !isComplete(target)) await rename(target, join(staging, 'broken'));
  try {
    await rename(complete, target);
  } catch (error) {
    if (!isComplete(target)) throw error;
  }
}

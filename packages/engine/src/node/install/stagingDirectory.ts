import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { ensureDirectory } from '@kd/files/node';

/**
 * An installation grows in a directory of its own and is renamed into place when it is whole. What
 * does not get so far is removed: at once where
 * it fails or is interrupted, by the next installation where the process was killed.
 */

const stagingPrefix = '.part-';
const secondsOfDay = 86_400;

/** Makes a directory for one installation, and removes those of processes that are gone. */
export async function createStagingDirectory(beside: string): Promise<string> {
  await ensureDirectory(beside);
  for (const name of await readdir(beside)) {
    if (name.startsWith(stagingPrefix) && (await isAbandoned(join(beside, name))))
      await rm(join(beside, name), { recursive: true, force: true });
  }
  return mkdtemp(join(beside, `${stagingPrefix}${hostname()}-${process.pid}-`));
}

/**
 * Another machine may share this directory: its processes cannot be asked, so that its parts are left
 * for a day.
 */
async function isAbandoned(part: string): Promise<boolean> {
  const [, machine, owner] = /^\.part-(.*)-(\d+)-\w+$/.exec(basename(part)) ?? [];
  if (machine === hostname()) return !isRunning(Number(owner));
  const found = await stat(part).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > secondsOfDay * 1000;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** @throws Error where the disk has no room for so many bytes. */
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
 * Renames a whole installation into its place. Where another was quicker, its directory stays: it is
 * as good, and may be in use.
 * @param isWhole Whether a directory that is there does. @param part Takes one that does not.
 */
export async function moveIntoPlace(
  whole: string,
  place: string,
  { part, isWhole }: { part: string; isWhole: (directory: string) => boolean },
): Promise<void> {
  if (existsSync(place) && !isWhole(place)) await rename(place, join(part, 'broken'));
  try {
    await rename(whole, place);
  } catch (error) {
    if (!isWhole(place)) throw error;
  }
}

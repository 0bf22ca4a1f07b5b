import { existsSync } from 'node:fs';
import { readdir, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OpenProgress } from '@kd/core';
import { makeFolder } from '@kd/core/node';
import { isGlibc } from '../tensorflow/environment.ts';
import { findTensorflow, installFolder } from '../tensorflow/find.ts';
import { libraryVersion, missingFrom } from '../tensorflow/library.ts';
import { downloadWheel, findPip } from './pip.ts';
import { unpackLibraries, wheelPackage } from './wheel.ts';

export interface InstallOptions {
  /** Shows the download and the unpacking. */
  readonly openProgress?: OpenProgress;
  /** Told in a line what is being done. */
  readonly log?: (line: string) => void;
}

/** Wheel and libraries, side by side for a moment. */
const bytesNeeded = 1.2e9;

/** Finds libtensorflow, or installs it into our cache with pip. Quick where it is there. */
export async function ensureTensorflow(options: InstallOptions = {}): Promise<{ readonly folder: string } | { readonly reason: string }> {
  const found = findTensorflow();
  if ('folder' in found) return { folder: found.folder };
  if (process.env.KD_LIBTENSORFLOW) return found;
  return installTensorflow(options);
}

/** Installs libtensorflow into our cache, whole or not at all; does nothing where it is there. */
export async function installTensorflow({
  openProgress,
  log,
}: InstallOptions = {}): Promise<{ readonly folder: string } | { readonly reason: string }> {
  const folder = installFolder();
  if (existsSync(folder) && missingFrom(folder) === undefined) return { folder };
  const wheel = wheelPackage(process.platform, process.arch, isGlibc());
  if ('reason' in wheel) return wheel;
  const pip = findPip();
  if (pip === undefined)
    return { reason: "no pip was found; install Python's pip (or uv) and try again, or point KD_LIBTENSORFLOW to a folder that has the libraries" };
  const part = join(dirname(folder), `.part-${process.pid}`);
  try {
    await removeStaleParts(dirname(folder));
    await makeFolder(join(part, 'libraries'));
    await expectRoom(part);
    log?.(`${wheel.name} ${libraryVersion} from pip, into ${folder}`);
    const file = await downloadWheel(pip, `${wheel.name}==${libraryVersion}`, await made(join(part, 'wheel')), openProgress);
    await unpackLibraries(file, join(part, 'libraries'), openProgress);
    await rm(folder, { recursive: true, force: true });
    await rename(join(part, 'libraries'), folder);
    return { folder };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

/** What an interrupted installation left: its process is gone. */
async function removeStaleParts(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const name of await readdir(folder)) {
    const owner = /^\.part-(\d+)$/.exec(name)?.[1];
    if (owner !== undefined && !isRunning(Number(owner))) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function expectRoom(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytesNeeded) return;
  const asGigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new Error(
    `kd-engine install: expected ${asGigabytes(bytesNeeded)} free for ${dirname(folder)}, got ${asGigabytes(free)}; KD_CACHE moves the cache.`,
  );
}

async function made(folder: string): Promise<string> {
  await makeFolder(folder);
  return folder;
}

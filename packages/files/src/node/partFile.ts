import { randomUUID } from 'node:crypto';
import { readdir, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { ensureDirectory } from './ensureDirectory.ts';

/**
 * A download in progress is a file of its owner's alone: `<name>.<host>.<process>.<id>.part`. Two
 * processes that fetch the same thing do not meet.
 * One that was given up is called `<name>.part`; one whose process has died is recognised by its
 * number. Either is claimed, by renaming, for going on.
 */
const owned = new Set<string>();

/**
 * @param resume Whether a part left by somebody else may be gone on with. @returns The path of a
 * file that is this caller's alone; it exists.
 */
export async function claimPart(folder: string, name: string, resume: boolean): Promise<string> {
  await ensureDirectory(folder);
  const host = hostname().replace(/[^A-Za-z0-9-]/g, '-');
  const mine = path.join(folder, `${name}.${host}.${process.pid}.${randomUUID().slice(0, 8)}.part`);
  owned.add(mine);
  if (resume) {
    for (const file of await readdir(folder)) {
      const candidate = path.join(folder, file);
      if (
        isAbandoned(file, name, host) &&
        !owned.has(candidate) &&
        (await renamed(candidate, mine))
      )
        return mine;
    }
  }
  await writeFile(mine, '', { flag: 'wx' });
  return mine;
}

/** Leaves a part for a later caller to go on with. */
export async function leavePart(part: string, name: string): Promise<void> {
  owned.delete(part);
  await renamed(part, path.join(path.dirname(part), `${name}.part`));
}

function isAbandoned(file: string, name: string, host: string): boolean {
  if (file === `${name}.part`) return true;
  if (!file.startsWith(`${name}.${host}.`) || !file.endsWith('.part')) return false;
  const owner = Number(file.slice(`${name}.${host}.`.length).split('.')[0]);
  return Number.isInteger(owner) && owner > 0 && (owner === process.pid || !isAlive(owner));
}

function isAlive(processNumber: number): boolean {
  try {
    process.kill(processNumber, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** False where somebody else was quicker. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

import { createHash, randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { expectedError } from '@kd/core';
import { ensureDirectory, isProcessRunning } from '@kd/files/node';

/**
 * The directory of a file of rows that is being written, `<key>.<process>.<host>.<id>.partial`: its
 * name says who writes it, so that it is taken over by one rename once nobody does.
 */
export interface PartialDirectory {
  readonly path: string;
  /** Leaves it to the next who wants it. */
  release(): Promise<void>;
  /** Removes it. */
  remove(): Promise<void>;
}

/** Someone else writes the same rows. */
export interface Held {
  readonly heldBy: string;
}

/** A writer makes itself known this often, and counts as gone after six times that. */
const heartbeatMs = 10_000;
const goneMs = 60_000;
const oldMs = 7 * 24 * 3600 * 1000;
const nobody = 'free';
const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

/**
 * Takes over what was left of writing these rows, or begins; removes what nobody has taken over for
 * a week.
 */
export async function claimPartial(
  directory: string,
  key: string,
): Promise<PartialDirectory | Held> {
  await ensureDirectory(directory).catch((cause: Error) => {
    throw unwritable(directory, cause);
  });
  const id = randomUUID().slice(0, 8);
  const mine = path.join(directory, `${key}.${process.pid}.${host}.${id}.partial`);
  let isMine = false;
  for (const { owner, found } of await listPartials(directory)) {
    const isSame = owner.key === key;
    if (isSame && owner.isAlive) return { heldBy: owner.process };
    // Whoever renames it first has it.
    if (isSame && !isMine) isMine = await renamed(found, mine);
    else if (!owner.isAlive && (isSame || owner.age > oldMs))
      await rm(found, { recursive: true, force: true });
  }
  if (!isMine) {
    await ensureDirectory(mine);
    // Of several that begin at a time, the first by name goes on.
    const first = (await listPartials(directory)).find(
      ({ owner, found }) => owner.key === key && owner.isAlive && found < mine,
    );
    if (first !== undefined) {
      await rm(mine, { recursive: true, force: true });
      return { heldBy: first.owner.process };
    }
  }
  await touch(mine);
  return hold(mine, directory, key);
}

async function listPartials(directory: string): Promise<{ owner: Owner; found: string }[]> {
  const partials: { owner: Owner; found: string }[] = [];
  for (const name of (await readdir(directory)).sort()) {
    const found = path.join(directory, name);
    const owner = await readOwner(found);
    if (owner !== undefined) partials.push({ owner, found });
  }
  return partials;
}

async function touch(directory: string): Promise<void> {
  const now = new Date();
  await utimes(directory, now, now);
}

function hold(mine: string, directory: string, key: string): PartialDirectory {
  const timer = setInterval(() => {
    touch(mine).catch(() => {});
  }, heartbeatMs);
  timer.unref();
  const free = `${key}.${nobody}.${host}.${randomUUID().slice(0, 8)}.partial`;
  return {
    path: mine,
    async release() {
      clearInterval(timer);
      await renamed(mine, path.join(directory, free));
    },
    async remove() {
      clearInterval(timer);
      await rm(mine, { recursive: true, force: true });
    },
  };
}

interface Owner {
  readonly key: string;
  readonly process: string;
  readonly isAlive: boolean;
  /** Milliseconds since the last sign of life. */
  readonly age: number;
}

async function readOwner(directory: string): Promise<Owner | undefined> {
  const parts = /^(\w+)\.(free|\d+)\.(\w+)\.\w+\.partial$/.exec(path.basename(directory));
  if (parts === null) return undefined;
  const [, key = '', owner = '', ownerHost] = parts;
  const changed = await stat(directory).catch(() => undefined);
  if (changed === undefined) return undefined;
  const age = Date.now() - changed.mtimeMs;
  const isGone =
    owner === nobody || age > goneMs || (ownerHost === host && !isProcessRunning(Number(owner)));
  return { key, process: owner, isAlive: !isGone, age };
}

function renamed(from: string, to: string): Promise<boolean> {
  return rename(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** Opens a file for writing at any position; creates it where there is none. */
export async function openForUpdate(file: string): ReturnType<typeof open> {
  return open(file, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return open(file, 'wx+');
    throw error;
  });
}

/** Reads JSON that may not be there. */
export async function readJsonFile(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError)
      return undefined;
    throw error;
  }
}

/** Explains that a directory cannot be written. */
function unwritable(directory: string, cause: Error): RangeError {
  const error = expectedError(
    'decodeImages',
    `a directory for decoded images that can be written, ${directory}`,
    cause.message,
    'choose another one (cache, KD_CACHE)',
  );
  return Object.assign(error, { cause });
}

import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { expectedError } from '@kd/core';
import { ensureDirectory } from './atomicWrite.ts';
import { isDirectory } from './exists.ts';
import { removeAtExit } from './removeAtExit.ts';

/** A directory for files that are not yet what they are called. */
export interface Staging {
  /** Beside the files' final places, so that moving them copies nothing. */
  readonly directory: string;
  /**
   * Moves a file or a directory to its final place; what was there before is removed with the
   * staging directory.
   */
  publish(name: string): Promise<void>;
}

/**
 * Runs a function with a new directory inside another one, and removes it afterwards with all that
 * was not published: after an error, a full disk or a second Ctrl-C nothing half-written is left.
 * @throws RangeError where nothing can be written there.
 */
export async function withStaging<Result>(
  parent: string,
  run: (staging: Staging) => Promise<Result>,
): Promise<Result> {
  const directory = path.join(parent, `.unfinished-${randomUUID()}`);
  const isNew = !(await isDirectory(parent));
  try {
    await ensureDirectory(parent);
    await mkdir(directory);
  } catch (cause) {
    throw Object.assign(
      expectedError(
        'withStaging',
        'a directory that can be written to',
        `${parent}: ${(cause as Error).message}`,
        'choose another place',
      ),
      { cause },
    );
  }
  const keep = removeAtExit(directory);
  try {
    return await run({
      directory,
      async publish(name) {
        const [source, target] = [path.resolve(directory, name), path.resolve(parent, name)];
        const former = path.join(directory, `.former-${randomUUID()}`);
        const wasThere = await rename(target, former).then(
          () => true,
          (error: NodeJS.ErrnoException) => {
            if (error.code === 'ENOENT') return false;
            throw error;
          },
        );
        try {
          await rename(source, target);
        } catch (error) {
          if (wasThere) await rename(former, target);
          throw error;
        }
      },
    });
  } finally {
    await rm(directory, { recursive: true, force: true }).catch(() => {});
    // Where nothing was published, a directory that was not there is not there afterwards.
    if (isNew) await rmdir(parent).catch(() => {});
    keep();
  }
}

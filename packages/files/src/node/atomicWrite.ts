import { randomUUID } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isDirectory } from './exists.ts';
import { removeAtExit } from './removeAtExit.ts';

/**
 * Writes a file atomically: into a file beside it, synced to the disk, then renamed. Creates its
 * directory; a symbolic link is followed.
 * @throws Error that names the file, with the system's error as its cause. The old content is then
 * still there, and nothing else.
 */
export async function writeFileAtomic(file: string, content: Uint8Array | string): Promise<void> {
  try {
    await ensureDirectory(path.dirname(file));
    await writeAndRename(await realpath(file).catch(() => file), content);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new Error(
      `writeFileAtomic: expected to write ${file}, got ${message}; ${suggestRemedy(code)}.`,
      { cause },
    );
  }
}

/**
 * Creates a directory and its parents; an existing one is left unchanged.
 *
 * Not `mkdir` with `recursive`: if a directory exists but nothing can be created in it (`/proc/x`),
 * Node 20's tries for ever.
 */
export async function ensureDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await isDirectory(directory))) return;
    const parent = path.dirname(directory);
    if (code !== 'ENOENT' || (await isDirectory(parent))) throw error;
    await ensureDirectory(parent);
    await ensureDirectory(directory);
  }
}

async function writeAndRename(file: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  const keep = removeAtExit(temporary);
  try {
    const handle = await open(temporary, 'wx');
    try {
      // Continues after a short write, which is how a disk reports that it is filling up.
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  } finally {
    keep();
  }
}

function suggestRemedy(code: string | undefined): string {
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
    return 'make room there or choose another place';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return 'choose a directory that you may write to';
  return 'choose another place';
}

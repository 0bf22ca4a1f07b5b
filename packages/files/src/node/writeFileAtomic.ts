import { randomUUID } from 'node:crypto';
import { open, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { ensureDirectory } from './ensureDirectory.ts';
import { removeAtExit } from './removeAtExit.ts';

/**
 * Writes a file whole or not at all: into a file beside it, synced to the disk, then renamed. Makes
 * its folder, follows a link.
 * @throws Error that names the file, with the system's error as its cause; what was there before is
 * still there, and nothing else.
 */
export async function writeFileAtomic(file: string, content: Uint8Array | string): Promise<void> {
  try {
    await ensureDirectory(path.dirname(file));
    await writeBeside(await realpath(file).catch(() => file), content);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new Error(
      `writeFileAtomic: expected to write ${file}, got ${message}; ${remedyFor(code)}.`,
      { cause },
    );
  }
}

async function writeBeside(file: string, content: Uint8Array | string): Promise<void> {
  const beside = `${file}.${randomUUID()}.tmp`;
  const keep = removeAtExit(beside);
  try {
    const handle = await open(beside, 'wx');
    try {
      // Goes on after a short write, which is how a disk says that it is filling up.
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw error;
  } finally {
    keep();
  }
}

function remedyFor(code: string | undefined): string {
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
    return 'make room there or choose another place';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return 'choose a folder that you may write to';
  return 'choose another place';
}

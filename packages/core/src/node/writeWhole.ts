import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import writeFileAtomic from 'write-file-atomic';

/**
 * Writes a file whole or not at all: into a file beside it, synced to the disk, then renamed. Makes its folder.
 * @throws Error that names the file, with the system's error as its cause; what was there before is still there, and nothing else.
 */
export async function writeWhole(file: string, content: Uint8Array | string): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
    const data = typeof content === 'string' ? content : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    await writeFileAtomic(file, data, { fsync: true });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new Error(`writeWhole: expected to write ${file}, got ${message}; ${remedyFor(code)}.`, { cause });
  }
}

function remedyFor(code: string | undefined): string {
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') return 'make room there or choose another place';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'choose a folder that you may write to';
  return 'choose another place';
}

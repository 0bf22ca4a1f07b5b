import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { ensure, type Store } from '@kd/core';
import { isSafeRelativePath } from '../stores.ts';
import { writeFileAtomic } from './atomicWrite.ts';

/**
 * Creates a store in a directory, which is created at the first write. Names may have directories
 * in
 * them, with `/` on every platform, and stay inside.
 * @throws RangeError if a name leads out of the directory.
 */
export function directoryStore(directory: string): Store {
  const location = path.resolve(directory);
  return {
    location,
    read: async (name) => {
      const file = resolveInside(location, name);
      try {
        const bytes = await readFile(file);
        return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      } catch (cause) {
        const { code, message } = cause as NodeJS.ErrnoException;
        if (code === 'ENOENT') return undefined;
        throw new Error(`directoryStore: expected to read ${file}, got ${message}.`, { cause });
      }
    },
    readParts: async (name, parts) => {
      const path = resolveInside(location, name);
      const file = await open(path, 'r');
      try {
        for (const { start, target } of parts) {
          for (let done = 0; done < target.length; ) {
            const { bytesRead } = await file.read(target, done, target.length - done, start + done);
            ensure(
              bytesRead > 0,
              path,
              `${target.length} bytes at byte ${start}`,
              done,
              'the file is cut short',
            );
            done += bytesRead;
          }
        }
      } finally {
        await file.close();
      }
    },
    write: async (name, bytes) => writeFileAtomic(resolveInside(location, name), bytes),
  };
}

function resolveInside(location: string, name: string): string {
  ensure(
    isSafeRelativePath(name),
    'directoryStore',
    'a name inside the directory, such as teacher/view-0.safetensors',
    JSON.stringify(name),
  );
  return path.join(location, ...name.split('/'));
}

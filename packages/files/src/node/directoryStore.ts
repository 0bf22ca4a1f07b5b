import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ensure, type Store } from '@kd/core';
import { isSafeRelativePath } from '../isInside.ts';
import { writeFileAtomic } from './writeFileAtomic.ts';

/**
 * A folder of files; it is made at the first write. Names may have folders in them, with `/` on
 * every platform, and stay inside.
 * @throws RangeError where a name leads out of the folder.
 */
export function directoryStore(folder: string): Store {
  const place = path.resolve(folder);
  return {
    location: place,
    read: async (name) => {
      const file = inside(place, name);
      try {
        const bytes = await readFile(file);
        return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      } catch (cause) {
        const { code, message } = cause as NodeJS.ErrnoException;
        if (code === 'ENOENT') return undefined;
        throw new Error(`directoryStore: expected to read ${file}, got ${message}.`, { cause });
      }
    },
    write: async (name, bytes) => writeFileAtomic(inside(place, name), bytes),
  };
}

function inside(place: string, name: string): string {
  ensure(
    isSafeRelativePath(name),
    'directoryStore',
    'a name inside the folder, such as teacher/view-0.safetensors',
    JSON.stringify(name),
  );
  return path.join(place, ...name.split('/'));
}

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Store } from '../contracts.ts';
import { ensure } from '../errors.ts';
import { isInside } from '../isInside.ts';
import { writeWhole } from './writeWhole.ts';

/**
 * A folder of files; it is made at the first write. Names may have folders in them, with `/` on every platform, and stay inside.
 * @throws RangeError where a name leads out of the folder.
 */
export function folderStore(folder: string): Store {
  const place = path.resolve(folder);
  return {
    place,
    read: async (name) => {
      const file = inside(place, name);
      try {
        const bytes = await readFile(file);
        return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      } catch (cause) {
        const { code, message } = cause as NodeJS.ErrnoException;
        if (code === 'ENOENT') return undefined;
        throw new Error(`folderStore: expected to read ${file}, got ${message}.`, { cause });
      }
    },
    write: async (name, bytes) => writeWhole(inside(place, name), bytes),
  };
}

function inside(place: string, name: string): string {
  ensure(isInside(name), 'folderStore', 'a name inside the folder, such as teacher/view-0.safetensors', JSON.stringify(name));
  return path.join(place, ...name.split('/'));
}

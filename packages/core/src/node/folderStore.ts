import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Store } from '../contracts.ts';
import { ensure } from '../errors.ts';
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
      try {
        return new Uint8Array(await readFile(inside(place, name)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    write: async (name, bytes) => writeWhole(inside(place, name), bytes),
  };
}

function inside(place: string, name: string): string {
  const parts = name.split('/');
  const fits = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:\0]/.test(part));
  ensure(fits, 'folderStore', 'a name inside the folder, such as runs/last.safetensors', JSON.stringify(name));
  return path.join(place, ...parts);
}

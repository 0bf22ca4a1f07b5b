import { ensure, type Store } from '@kd/core';

/** Creates a store in memory, for tests and browsers. Contents are copied in and out. */
export function memoryStore(): Store {
  const files = new Map<string, Uint8Array>();
  return {
    location: 'memory',
    read: async (name) => files.get(name)?.slice(),
    readParts: async (name, parts) => {
      const file = files.get(name) ?? new Uint8Array();
      for (const { start, target } of parts) {
        const part = file.subarray(start, start + target.length);
        const expected = `${target.length} bytes at byte ${start} of ${name}`;
        ensure(part.length === target.length, 'memoryStore', expected, part.length);
        target.set(part);
      }
    },
    write: async (name, bytes) => {
      files.set(name, new Uint8Array(bytes));
    },
  };
}

/**
 * Whether a path with `/` stays inside its directory on every platform: no part of it is empty, `.`
 * or `..`, and there is no `\`, `:` or NUL.
 */
export function isSafeRelativePath(path: string): boolean {
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:\0]/.test(part));
}

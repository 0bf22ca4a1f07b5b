import type { Store } from '@kd/core';

/** Files in memory, for tests and for browsers. What goes in and comes out is copied. */
export function memoryStore(): Store {
  const files = new Map<string, Uint8Array>();
  return {
    location: 'memory',
    read: async (name) => files.get(name)?.slice(),
    write: async (name, bytes) => {
      files.set(name, new Uint8Array(bytes));
    },
  };
}

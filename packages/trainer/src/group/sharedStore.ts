import type { ProcessGroup, Store } from '@kd/core';
import { fromFirst } from './fromFirst.ts';

/**
 * The store of a group: the first process reads and writes, and all go on when it has. The others
 * never touch theirs.
 */
export function sharedStore(store: Store, group: ProcessGroup | undefined): Store {
  if (group === undefined) return store;
  const first = fromFirst(group);
  return {
    location: store.location,
    read: (name) => first(() => store.read(name)),
    async write(name, bytes) {
      await first(async () => {
        await store.write(name, bytes);
        return undefined;
      });
    },
  };
}

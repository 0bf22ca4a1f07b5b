import { memoryStore } from '@kd/files';
import { expect, test } from 'vitest';

test('what was written is read, and nothing where nothing was', async () => {
  const store = memoryStore();
  expect(store.location).toBe('memory');
  expect(await store.read('a')).toBeUndefined();
  await store.write('a', Uint8Array.of(1, 2));
  await store.write('a', Uint8Array.of(3));
  expect(await store.read('a')).toEqual(Uint8Array.of(3));
  expect(await memoryStore().read('a')).toBeUndefined();
});

test('changing what went in or came out changes no file', async () => {
  const store = memoryStore();
  const bytes = Uint8Array.of(1, 2, 3);
  await store.write('a', bytes);
  bytes[0] = 9;
  (await store.read('a'))?.fill(9);
  expect(await store.read('a')).toEqual(Uint8Array.of(1, 2, 3));
});

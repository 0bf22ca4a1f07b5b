import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isSafeRelativePath, memoryStore } from '../src/index.ts';
import { directoryStore } from '../src/node/index.ts';

test('memoryStore reads what was written, and undefined otherwise', async () => {
  const store = memoryStore();
  expect(store.location).toBe('memory');
  expect(await store.read('a')).toBeUndefined();
  await store.write('a', Uint8Array.of(1, 2));
  await store.write('a', Uint8Array.of(3));
  expect(await store.read('a')).toEqual(Uint8Array.of(3));
  expect(await memoryStore().read('a')).toBeUndefined();
});

test('changing the bytes after a write or read changes no file', async () => {
  const store = memoryStore();
  const bytes = Uint8Array.of(1, 2, 3);
  await store.write('a', bytes);
  bytes[0] = 9;
  (await store.read('a'))?.fill(9);
  expect(await store.read('a')).toEqual(Uint8Array.of(1, 2, 3));
});

test.each(['a', 'a/b.bin', 'teacher/view-0.safetensors', '...', 'a/..b', '__proto__'])(
  '%j stays inside its directory',
  (path) => {
    expect(isSafeRelativePath(path)).toBe(true);
  },
);

test.each([
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  '../a',
  'a/../b',
  'a/./b',
  'a\\b',
  '..\\a',
  'C:a',
  'a\0b',
])('%j does not', (path) => {
  expect(isSafeRelativePath(path)).toBe(false);
});

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'kd-store-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

test('directoryStore reads what was written, and undefined otherwise', async () => {
  const store = directoryStore(path.join(directory, 'runs', 'first'));
  expect(store.location).toBe(path.join(directory, 'runs', 'first'));
  expect(await store.read('last.safetensors')).toBeUndefined();
  expect(existsSync(store.location)).toBe(false);
  await store.write('last.safetensors', Uint8Array.of(1, 2, 3));
  await store.write('last.safetensors', Uint8Array.of(4));
  await store.write('teacher/view-0.safetensors', new Uint8Array(0));
  expect(await store.read('last.safetensors')).toEqual(Uint8Array.of(4));
  expect(await store.read('teacher/view-0.safetensors')).toEqual(new Uint8Array(0));
  expect((await readdir(store.location)).sort()).toEqual(['last.safetensors', 'teacher']);
});

test('a view of a larger buffer is written alone', async () => {
  const store = directoryStore(directory);
  await store.write('part', Uint8Array.of(1, 2, 3, 4).subarray(1, 3));
  expect(await store.read('part')).toEqual(Uint8Array.of(2, 3));
});

test.each([
  '..',
  '../other',
  'a/../../b',
  '/etc/passwd',
  'C:\\x',
  'C:x',
  'a\\b',
  '',
  '.',
  'a//b',
  'a/',
  './a',
  'a\0b',
])('%j is refused', async (name) => {
  const store = directoryStore(path.join(directory, 'inside'));
  const refusal = new RangeError(
    `directoryStore: expected a name inside the directory, such as teacher/view-0.safetensors, got ${JSON.stringify(name)}.`,
  );
  await expect(store.read(name)).rejects.toEqual(refusal);
  await expect(store.write(name, Uint8Array.of(1))).rejects.toEqual(refusal);
  expect(await readdir(directory)).toEqual([]);
});

test('names that only look dangerous are accepted', async () => {
  const store = directoryStore(directory);
  for (const name of ['..a', 'a..b', '__proto__', 'ümlaut 名']) {
    await store.write(name, new TextEncoder().encode(name));
    expect(new TextDecoder().decode(await store.read(name))).toBe(name);
  }
});

test('a failure to read is an error that names the file, not an absent file', async () => {
  await mkdir(path.join(directory, 'taken'));
  await writeFile(path.join(directory, 'file'), '');
  await expect(directoryStore(directory).read('taken')).rejects.toThrow(
    `directoryStore: expected to read ${path.join(directory, 'taken')}, got EISDIR: illegal operation on a directory, read.`,
  );
});

test('parts of a file are read without the rest, whatever the store', async () => {
  for (const store of [memoryStore(), directoryStore(directory)]) {
    await store.write('a', Uint8Array.of(1, 2, 3, 4, 5));
    const [first, last, none] = [new Uint8Array(2), new Uint8Array(1), new Uint8Array(0)];
    await store.readParts?.('a', [
      { start: 4, target: last },
      { start: 1, target: first },
      { start: 5, target: none },
    ]);
    expect([...first, ...last]).toEqual([2, 3, 5]);
    await expect(store.readParts?.('a', [{ start: 4, target: first }])).rejects.toThrow(
      /expected 2 bytes at byte 4/,
    );
    await expect(store.readParts?.('b', [{ start: 0, target: first }])).rejects.toThrow(/b/);
  }
});

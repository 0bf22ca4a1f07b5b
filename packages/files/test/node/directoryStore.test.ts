import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { directoryStore } from '@kd/files/node';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kd-store-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('what was written is read, and nothing where nothing was', async () => {
  const store = directoryStore(path.join(folder, 'runs', 'first'));
  expect(store.location).toBe(path.join(folder, 'runs', 'first'));
  expect(await store.read('last.safetensors')).toBeUndefined();
  expect(existsSync(store.location)).toBe(false);
  await store.write('last.safetensors', Uint8Array.of(1, 2, 3));
  await store.write('last.safetensors', Uint8Array.of(4));
  await store.write('teacher/view-0.safetensors', new Uint8Array(0));
  expect(await store.read('last.safetensors')).toEqual(Uint8Array.of(4));
  expect(await store.read('teacher/view-0.safetensors')).toEqual(new Uint8Array(0));
  expect((await readdir(store.location)).sort()).toEqual(['last.safetensors', 'teacher']);
});

test('only the part of a buffer that was given is written', async () => {
  const store = directoryStore(folder);
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
  const store = directoryStore(path.join(folder, 'inside'));
  const refusal = new RangeError(
    `directoryStore: expected a name inside the folder, such as teacher/view-0.safetensors, got ${JSON.stringify(name)}.`,
  );
  await expect(store.read(name)).rejects.toEqual(refusal);
  await expect(store.write(name, Uint8Array.of(1))).rejects.toEqual(refusal);
  expect(await readdir(folder)).toEqual([]);
});

test('names that only look dangerous are names', async () => {
  const store = directoryStore(folder);
  for (const name of ['..a', 'a..b', '__proto__', 'ümlaut 名']) {
    await store.write(name, new TextEncoder().encode(name));
    expect(new TextDecoder().decode(await store.read(name))).toBe(name);
  }
});

test('a failure to read is an error that names the file, not an absent file', async () => {
  await mkdir(path.join(folder, 'taken'));
  await writeFile(path.join(folder, 'file'), '');
  await expect(directoryStore(folder).read('taken')).rejects.toThrow(
    `directoryStore: expected to read ${path.join(folder, 'taken')}, got EISDIR: illegal operation on a directory, read.`,
  );
});

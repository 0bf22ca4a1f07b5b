import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { pictureReader } from '../../src/node/collections/readPicture.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-read-'));
afterAll(() => rmSync(root, { recursive: true }));

function write(name: string, length: number): string {
  const file = path.join(root, name);
  writeFileSync(file, new Uint8Array(length).fill(length % 251));
  return file;
}

test('small and large files are read whole', async () => {
  const read = pictureReader();
  for (const length of [0, 1, 5000, 70_000]) {
    const file = write(`${length}.png`, length);
    const bytes = await read(file, statSync(file).size);
    expect(bytes).toEqual(new Uint8Array(length).fill(length % 251));
  }
});

test('a file that has grown or shrunk is read as it is now', async () => {
  const read = pictureReader();
  const file = write('changed.png', 300);
  expect(await read(file, 200)).toHaveLength(300);
  expect(await read(file, 400)).toHaveLength(300);
});

test('after a read that waited, the next ones are left to threads', async () => {
  const clock = vi.fn(() => 0);
  const read = pictureReader(clock);
  const file = write('slow.png', 40);
  clock.mockReturnValueOnce(0).mockReturnValueOnce(20);
  expect(await read(file, 40)).toHaveLength(40);
  clock.mockClear();
  for (let at = 0; at < 200; at++) await read(file, 40);
  expect(clock).not.toHaveBeenCalled();
  await read(file, 40);
  expect(clock).toHaveBeenCalledTimes(2);
});

test('a file that is gone is an error of the system', async () => {
  await expect(pictureReader()(path.join(root, 'gone.png'), 5)).rejects.toThrow('ENOENT');
});

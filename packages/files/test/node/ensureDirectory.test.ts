import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureDirectory } from '@kd/files/node';
import { afterEach, describe, expect, test } from 'vitest';

describe('ensureDirectory', () => {
  const made: string[] = [];
  const room = async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'kd-'));
    made.push(folder);
    return folder;
  };
  afterEach(async () => {
    for (const folder of made.splice(0)) await rm(folder, { recursive: true });
  });

  test('makes the folders above too, and leaves one that is there', async () => {
    const deep = path.join(await room(), 'a', 'b', 'c');
    await ensureDirectory(deep);
    await ensureDirectory(deep);
    expect((await stat(deep)).isDirectory()).toBe(true);
  });

  test('throws where a file has the name', async () => {
    const file = path.join(await room(), 'file');
    await writeFile(file, '');
    await expect(ensureDirectory(file)).rejects.toThrow('EEXIST');
    await expect(ensureDirectory(path.join(file, 'below'))).rejects.toThrow('ENOTDIR');
  });

  test.skipIf(process.platform !== 'linux')(
    'throws where a folder takes no new ones, instead of trying for ever',
    async () => {
      await expect(ensureDirectory('/proc/kd-test/below')).rejects.toThrow('ENOENT');
    },
  );
});

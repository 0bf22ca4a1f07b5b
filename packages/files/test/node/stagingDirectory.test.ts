import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withStaging } from '../../src/node/index.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'kd-staging-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('files and directories get their names when they are published; others are removed', async () => {
  const parent = path.join(directory, 'new', 'export');
  const result = await withStaging(parent, async (staging) => {
    await writeFile(path.join(staging.directory, 'model.onnx'), 'whole');
    await mkdir(path.join(staging.directory, 'tfjs'));
    await writeFile(path.join(staging.directory, 'tfjs', 'model.json'), '{}');
    await writeFile(path.join(staging.directory, 'refused.onnx'), 'wrong');
    expect(await readdir(parent)).toEqual([path.basename(staging.directory)]);
    await staging.publish('model.onnx');
    await staging.publish('tfjs/');
    return 7;
  });
  expect(result).toBe(7);
  expect(await readdir(parent)).toEqual(['model.onnx', 'tfjs']);
  expect(await readdir(path.join(parent, 'tfjs'))).toEqual(['model.json']);
});

test('what was there is replaced whole, and stays where something fails', async () => {
  await mkdir(path.join(directory, 'tfjs'));
  await writeFile(path.join(directory, 'tfjs', 'old.bin'), 'old');
  await withStaging(directory, async (staging) => {
    await mkdir(path.join(staging.directory, 'tfjs'));
    await writeFile(path.join(staging.directory, 'tfjs', 'new.bin'), 'new');
    await staging.publish('tfjs');
  });
  expect(await readdir(path.join(directory, 'tfjs'))).toEqual(['new.bin']);
  const failed = withStaging(directory, (staging) => staging.publish('tfjs'));
  await expect(failed).rejects.toThrow('ENOENT');
  expect(await readFile(path.join(directory, 'tfjs', 'new.bin'), 'utf8')).toBe('new');
  expect(await readdir(directory)).toEqual(['tfjs']);
});

test('a directory that nothing was published to is removed where it is new', async () => {
  const parent = path.join(directory, 'export');
  const failed = withStaging(parent, async (staging) => {
    await writeFile(path.join(staging.directory, 'model.onnx'), 'half');
    throw new Error('no space left');
  });
  await expect(failed).rejects.toThrow('no space left');
  expect(await readdir(directory)).toEqual([]);
  await mkdir(parent);
  await withStaging(parent, async () => {});
  expect(await readdir(directory)).toEqual(['export']);
});

test('a place where there can be no directory is refused', async () => {
  await writeFile(path.join(directory, 'file'), 'here');
  const parent = path.join(directory, 'file', 'export');
  await expect(withStaging(parent, async () => {})).rejects.toThrow(
    /^withStaging: expected a directory that can be written to, got .*file.*; choose another place\.$/,
  );
});

import { copyFileSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { encodeSafetensors } from '@kd/files';
import { temporaryDirectories } from '@kd/testing';
import { describe, expect, test } from 'vitest';
import { readWeights } from '../../src/node/index.ts';
import { pathOf } from '../weights/checkpoints.ts';

const newFolder = temporaryDirectories();
const of = (...values: number[]) =>
  ({ dtype: 'F32', shape: [values.length], data: Float32Array.from(values) }) as const;

/** A folder with two shards and an index that names them. */
function shards(index: unknown, files: Record<string, Uint8Array> = {}): string {
  const folder = newFolder();
  const all = {
    'one.safetensors': encodeSafetensors({ a: of(1), b: of(2, 3) }),
    'two.safetensors': encodeSafetensors({ c: of(4) }),
    ...files,
  };
  for (const [name, bytes] of Object.entries(all)) writeFileSync(path.join(folder, name), bytes);
  const file = path.join(folder, 'model.safetensors.index.json');
  writeFileSync(file, typeof index === 'string' ? index : JSON.stringify(index));
  return file;
}
const map = { a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' };

describe('shards', () => {
  test('are read as one, in the order of the index', async () => {
    const { place, entries, metadata } = await readWeights(
      shards({ metadata: { total_size: 16 }, weight_map: map }),
    );
    expect([place, metadata]).toEqual(['model.safetensors.index.json', { total_size: '16' }]);
    expect(Object.entries(entries).map(([name, entry]) => [name, ...entry.read()])).toEqual([
      ['a', 1],
      ['b', 2, 3],
      ['c', 4],
    ]);
  });

  test('of PyTorch too, and through links, as the cache of the hub has them', async () => {
    const file = shards({ weight_map: { a: 'w.bin' } });
    mkdirSync(path.join(path.dirname(file), 'blobs'));
    const blob = path.join(path.dirname(file), 'blobs', '0a1b');
    writeFileSync(blob, encodeSafetensors({ a: of(7) }));
    symlinkSync(blob, path.join(path.dirname(file), 'w.bin'));
    expect([...((await readWeights(file)).entries.a?.read() ?? [])]).toEqual([7]);
  });

  const index = 'model.safetensors.index.json';
  test.each([
    [
      { weight_map: { ...map, d: 'two.safetensors' } },
      `${index}: expected d in two.safetensors, as the weight_map says, got none; the files do not belong together.`,
    ],
    [
      { weight_map: { a: 'one.safetensors' } },
      `${index}: expected b in the weight_map, got it in one.safetensors; the files do not belong together.`,
    ],
    [
      { weight_map: { ...map, c: 'one.safetensors', d: 'two.safetensors' } },
      `${index}: expected c in one.safetensors, got it in two.safetensors; the files do not belong together.`,
    ],
    [
      { weight_map: { a: '../one.safetensors' } },
      `${index}: expected a file beside the index for a, got "../one.safetensors".`,
    ],
    [
      { weight_map: { a: '/etc/passwd' } },
      `${index}: expected a file beside the index for a, got "/etc/passwd".`,
    ],
    [{ weight_map: { a: 3 } }, `${index}: expected a file beside the index for a, got 3.`],
    [{ weight_map: {} }, `${index}: expected 1 to 1000 shards, got 0.`],
    [
      {},
      `${index}: expected an index of shards with a weight_map from names to files, got another file.`,
    ],
    ['{', `${index}: expected an index in JSON, got `],
  ])('%j is refused', async (content, message) => {
    await expect(readWeights(shards(content))).rejects.toThrow(message);
  });

  test('one that is not there', async () => {
    await expect(readWeights(shards({ weight_map: { a: 'three.safetensors' } }))).rejects.toThrow(
      /^three\.safetensors: expected a file that can be read, got ENOENT/,
    );
  });
});

describe('files', () => {
  test('a folder, and no file at all', async () => {
    await expect(readWeights(newFolder())).rejects.toThrow(
      /: expected a file, got another kind of thing\.$/,
    );
    await expect(readWeights(path.join(newFolder(), 'no.pth'))).rejects.toThrow(
      /^no\.pth: expected a file that can be read, got ENOENT/,
    );
  });

  test('one that changes between its listing and a read is refused', async () => {
    const file = path.join(newFolder(), 'odd.pth');
    copyFileSync(pathOf('odd.pth'), file);
    const { entries } = await readWeights(file);
    expect(entries.scalar?.read()).toEqual(Float32Array.of(2.25));
    truncateSync(file, 100);
    expect(() => entries.scalar?.read()).toThrow(
      new RangeError(
        'odd.pth: expected the file as it was when its tensors were listed, got a changed one; read it anew.',
      ),
    );
  });
});

import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openImages } from '../../src/node/index.ts';

const pathOf = (name: string) => new URL(`../fixtures/npz/${name}.npz`, import.meta.url).pathname;

describe('files that numpy wrote', () => {
  test.each(['stored', 'deflated', 'columns', 'planes'])('%s', async (name) => {
    const { splits } = await openImages(pathOf(name));
    expect([...splits.train.labels]).toEqual([2, 0, 1]);
    for (let index = 0; index < 3; index++)
      expect(await splits.train.read(index)).toEqual({
        pixels: Uint8Array.from({ length: 24 }, (_, at) => 3 * (24 * index + at)),
        shape: [4, 2, 3],
      });
  });

  test.each([
    ['objects', "'|O'"],
    ['bigEndian', "'>i4'"],
  ])('%s are refused', async (name, descr) => {
    await expect(openImages(pathOf(name))).rejects.toThrow(
      `${path.basename(pathOf(name))}: y: expected numbers, little-endian (descr '|u1', '<i8', '<f4' …), got ${descr}; Python objects, text and big-endian numbers are not read`,
    );
  });
});

import { describe, expect, test } from 'vitest';
import { tarGz } from '../../data/test/support/archives.ts';
import { toByteStream } from '../src/formats/streams.ts';
import { type ArchiveLimits, readTar } from '../src/formats/tar.ts';

async function unpack(
  files: Readonly<Record<string, Uint8Array>>,
  limits: ArchiveLimits,
): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, bytes } of readTar(
    toByteStream(await tarGz(files), 100),
    (file) => file !== 'other',
    limits,
    'a.tgz',
  ))
    names.push(`${name} ${bytes.length}`);
  return names;
}

describe('readTar', () => {
  test('gives the wanted files, empty and unaligned ones too', async () => {
    const files = {
      'f/a': new Uint8Array(0),
      other: new Uint8Array(700),
      'f/b': new Uint8Array(511),
      c: new Uint8Array(1024),
      d: new Uint8Array(1),
    };
    expect(await unpack(files, { file: 1024, archive: 1e5 })).toEqual([
      'a 0',
      'b 511',
      'c 1024',
      'd 1',
    ]);
  });

  test('refuses a file above the limit', async () => {
    const refusal = unpack({ a: new Uint8Array(1025) }, { file: 1024, archive: 1e5 });
    await expect(refusal).rejects.toThrow(
      new RangeError('a.tgz: a: expected at most 1024 bytes, got 1025.'),
    );
  });

  test('stops a gzip bomb, also in a file that nobody wants', async () => {
    const refusal = unpack({ other: new Uint8Array(5e6) }, { file: 1024, archive: 1e6 });
    const message =
      'a.tgz: expected at most 1000000 bytes when unpacked, got more; it is not the archive it should be.';
    await expect(refusal).rejects.toThrow(new RangeError(message));
  });
});

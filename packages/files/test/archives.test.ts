import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { tarGz } from '../../data/test/support/archives.ts';
import { toByteStream } from '../src/formats/streams.ts';
import { type ArchiveLimits, readTar } from '../src/formats/tar.ts';
import { byteSource, concatBytes, readRange, zipEntries } from '../src/index.ts';
import { raw, type ZipFile, zip } from './support/zipArchive.ts';

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
  test('yields the selected files, empty and unaligned ones too', async () => {
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

  test('stops a gzip bomb, also in a file that is not selected', async () => {
    const refusal = unpack({ other: new Uint8Array(5e6) }, { file: 1024, archive: 1e6 });
    const message =
      'a.tgz: expected at most 1000000 bytes when unpacked, got more; it is not the archive it should be.';
    await expect(refusal).rejects.toThrow(new RangeError(message));
  });
});

/** Zip archives: wrong ones are refused, with the file and the entry in the message. */

const six = new Uint8Array(new Float32Array([0, 1, 2, 3, 4, 5]).buffer);

/** Reads all entries, which are stored. */
function readAll(bytes: Uint8Array): Record<string, Uint8Array> {
  const source = byteSource(bytes);
  return Object.fromEntries(
    [...zipEntries(source, 'w.pth')].map(([name, entry]) => {
      const { begin, end } = entry.storedRange();
      return [name, readRange(source, begin, end)];
    }),
  );
}

describe('zip archives', () => {
  const pickle = { name: 'w/data.pkl', bytes: raw('any pickle') };
  const data = { name: 'w/data/0', bytes: six };
  const damaged = '; the file is cut short or damaged: get it again.';
  test.each([
    ['a name twice', zip([pickle, data, data]), ': expected one entry w/data/0, got a second one.'],
    [
      'a name that leads out',
      zip([pickle, { ...data, name: 'w/../../x' }]),
      ': expected zip entries whose names stay within the archive, got "w/../../x".',
    ],
    [
      'an absolute name',
      zip([pickle, { ...data, name: '/etc/passwd' }]),
      ': expected zip entries whose names stay within the archive, got "/etc/passwd".',
    ],
    [
      'a name that is not text',
      zip([pickle, { ...data, name: Uint8Array.of(0xff) }]),
      `: expected zip entries with names in UTF-8, got other bytes${damaged}`,
    ],
    [
      'an encrypted entry',
      zip([pickle, { ...data, flags: 1 }]),
      ': w/data/0: expected an entry that is not encrypted, got an encrypted one.',
    ],
    [
      'a compressed entry',
      zip([pickle, { ...data, method: 8 }]),
      ': w/data/0: expected an entry stored without compression, got a compressed one (method 8); load it in PyTorch and save it again.',
    ],
    [
      'an entry within another',
      zip([pickle, { ...data, header: 0 }]),
      /^: w\/data(\.pkl|\/0): expected an entry that ends before byte 0, got \d+ bytes at 0; /,
    ],
    [
      'a size beyond the end',
      zip([pickle, { ...data, size: 1000 }]),
      /^: w\/data\/0: expected an entry that ends before byte \d+, got 1000 bytes at \d+; /,
    ],
    [
      'more entries than there are',
      zip([pickle, data], { count: 3 }),
      `: expected 3 entries in the zip directory, got 2${damaged}`,
    ],
    [
      'a directory beyond the end',
      zip([pickle, data], { begin: 5000 }),
      /^: expected a zip directory within \d+ bytes, got 5000–\d+; /,
    ],
    [
      'a zip64 directory that is not there',
      zip([pickle, data], { begin: 0xffffffff }),
      ': expected a zip64 directory record before the end, got none; the file is damaged.',
    ],
    [
      'a directory of other bytes',
      zip([pickle, data], { begin: 0, size: 60 }),
      `: expected entry 0 of the zip directory, got other bytes${damaged}`,
    ],
    [
      'no directory',
      zip([pickle, data]).subarray(0, 200),
      ': expected a zip archive with its directory at the end, got none; the file is cut short: get it again.',
    ],
  ])('%s', (_, bytes, message) => {
    const wanted =
      typeof message === 'string'
        ? `w.pth${message}`
        : expect.stringMatching(new RegExp(message.source.replace('^', '^w\\.pth')));
    expect(() => readAll(bytes)).toThrow(
      expect.objectContaining({ name: 'RangeError', message: wanted }),
    );
  });

  test('zip64 sizes and positions are read, and a directory that lacks them is refused', () => {
    expect(readAll(zip([pickle, { ...data, wide: true }]))['w/data/0']).toEqual(six);
    const message =
      /^w\.pth: w\/data\/0: expected one size of a stored entry, and its position, got NaN and NaN at NaN; /;
    expect(() => readAll(zip([pickle, { ...data, size: 0xffffffff, header: 0xffffffff }]))).toThrow(
      message,
    );
  });

  test('an entry whose own header is elsewhere is refused when it is read', () => {
    const bytes = zip([pickle, data]);
    bytes[30 + 10 + pickle.bytes.length] = 0;
    const entry = zipEntries(byteSource(bytes), 'w.pth').get('w/data/0');
    expect(() => entry?.storedRange()).toThrow(
      new RangeError(
        `w.pth: w/data/0: expected 24 bytes where the zip directory has them, got other bytes${damaged}`,
      ),
    );
  });
});

describe('content', () => {
  const content = Uint8Array.from({ length: 3_000_000 }, (_, at) => (at * at) >> 5);
  const packed = deflateRawSync(content);
  const archive = (change: Partial<ZipFile> = {}) =>
    zip([
      { name: 'stored', bytes: content },
      {
        name: 'deflated',
        bytes: packed,
        size: content.length,
        packedSize: packed.length,
        method: 8,
        ...change,
      },
    ]);
  const read = async (bytes: Uint8Array, name: string) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of zipEntries(byteSource(bytes), 'a.whl').get(name)?.read() ?? [])
      chunks.push(chunk);
    return concatBytes(chunks);
  };

  test.each(['stored', 'deflated'])('%s, is read in chunks', async (name) => {
    expect(zipEntries(byteSource(archive()), 'a.whl').get(name)?.size).toBe(content.length);
    expect(Buffer.compare(await read(archive(), name), content)).toBe(0);
  });

  test.each<[string, Partial<ZipFile>, string | RegExp]>([
    [
      'larger than the directory has it',
      { size: 1000 },
      /expected 1000 bytes, as the zip directory has it, got \d+; /,
    ],
    [
      'smaller',
      { size: 3_000_001 },
      'expected 3000001 bytes, as the zip directory has it, got 3000000; ',
    ],
    [
      'of another method',
      { method: 12 },
      'expected an entry that is stored or deflated, got another one (method 12).',
    ],
    [
      'that is no deflate data',
      { bytes: packed.map((byte) => byte ^ 0xff) },
      'expected deflated data, got ',
    ],
    [
      'cut short',
      { bytes: packed.subarray(0, 1000), packedSize: 1000 },
      /expected (deflated data|3000000 bytes)/,
    ],
  ])('%s, is refused', async (_, change, message) => {
    await expect(read(archive(change), 'deflated')).rejects.toThrow(message);
    await expect(read(archive(change), 'deflated')).rejects.toThrow(/^a\.whl: deflated: /);
  });

  test('reading may stop early', async () => {
    for await (const chunk of zipEntries(byteSource(archive()), 'a.whl').get('deflated')?.read() ??
      []) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
  });
});

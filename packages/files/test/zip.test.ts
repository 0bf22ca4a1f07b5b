/**
 * Archives that torch.save would not write: each is refused, with the file and the entry in the
 * message.
 */

import { openWeights, type Weights } from '@kd/models';
import { describe, expect, test } from 'vitest';
import { raw, tensorPickle, torchZip, zip } from '../../models/test/weights/torchZip.ts';

const six = new Uint8Array(new Float32Array([0, 1, 2, 3, 4, 5]).buffer);
const parse = (bytes: Uint8Array): Weights => openWeights(bytes, { fileName: 'w.pth' });

describe('zip archives', () => {
  const pickle = { name: 'w/data.pkl', bytes: raw(tensorPickle({})) };
  const data = { name: 'w/data/0', bytes: six };
  const damaged = '; the file is cut short or damaged: get it again.';
  test.each([
    [
      'no pickle',
      zip([data]),
      ': expected a zip archive of torch.save, with one data.pkl, got 0 of them.',
    ],
    [
      'two pickles',
      zip([pickle, { ...pickle, name: 'v/data.pkl' }]),
      ': expected a zip archive of torch.save, with one data.pkl, got 2 of them.',
    ],
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
      'a packed entry',
      zip([pickle, { ...data, method: 8 }]),
      ': w/data/0: expected an entry stored as it is, got a packed one (method 8); load it in PyTorch and save it anew.',
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
      'another size than the storage',
      zip([pickle, { ...data, size: 20 }]),
      ': a: expected storage 0 of 24 bytes, got 20; the file is damaged.',
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
    [
      'high bytes first',
      zip([pickle, { name: 'w/byteorder', bytes: raw('big') }, data]),
      ': expected numbers with the low byte first (byteorder little), got "big"; save it anew on another machine.',
    ],
    [
      'a pickle that runs on',
      torchZip('X\x10\0\0\0ab'),
      /^: expected 16 bytes at byte \d+, got 2; the file is cut short\.$/,
    ],
  ])('%s', (_, bytes, message) => {
    const wanted =
      typeof message === 'string'
        ? `w.pth${message}`
        : expect.stringMatching(new RegExp(message.source.replace('^', '^w\\.pth')));
    expect(() => parse(bytes)).toThrow(
      expect.objectContaining({ name: 'RangeError', message: wanted }),
    );
  });

  test('zip64 sizes and places, and a directory that lacks them', () => {
    const wide = { ...data, wide: true };
    expect([...(parse(zip([pickle, wide])).entries.a?.read() ?? [])]).toEqual([0, 1, 2, 3, 4, 5]);
    const message =
      /^w\.pth: w\/data\/0: expected one size of a stored entry, and its place, got NaN and NaN at NaN; /;
    expect(() => parse(zip([pickle, { ...data, size: 0xffffffff, header: 0xffffffff }]))).toThrow(
      message,
    );
  });

  test('an entry whose own header is elsewhere is refused when it is read', () => {
    const bytes = zip([pickle, data]);
    bytes[30 + 10 + pickle.bytes.length] = 0;
    expect(() => parse(bytes).entries.a?.read()).toThrow(
      new RangeError(
        `w.pth: w/data/0: expected 24 bytes where the zip directory says, got other bytes${damaged}`,
      ),
    );
  });
});

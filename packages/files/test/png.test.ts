import fc from 'fast-check';
import { encode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { readPng, unfilter } from '../src/formats/png.ts';

const limit = { width: 64, height: 64 };

function image(width: number, height: number, seed: number): Uint8Array {
  return Uint8Array.from(
    { length: width * height * 3 },
    (_, at) => (at * seed + Math.floor(at / 7)) % 256,
  );
}

/** PNG's filters, forwards, from the specification: what `unfilter` must undo. */
function filtered(pixels: Uint8Array, rowLength: number, filters: readonly number[]): Uint8Array {
  const out: number[] = [];
  filters.forEach((filter, row) => {
    out.push(filter);
    for (let at = 0; at < rowLength; at++) {
      const value = (r: number, a: number) =>
        r < 0 || a < 0 ? 0 : (pixels[r * rowLength + a] as number);
      const [left, above, corner] = [
        value(row, at - 3),
        value(row - 1, at),
        value(row - 1, at - 3),
      ];
      const distances = [left, above, corner].map((candidate) =>
        Math.abs(left + above - corner - candidate),
      );
      const paeth = [left, above, corner][distances.indexOf(Math.min(...distances))] as number;
      const predictions = [0, left, above, Math.floor((left + above) / 2), paeth];
      out.push((value(row, at) - (predictions[filter] as number) + 256) % 256);
    }
  });
  return Uint8Array.from(out);
}

describe('unfilter', () => {
  test('undoes every filter in every order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(255),
        (filters, width, seed) => {
          const pixels = image(width, filters.length, seed);
          expect(
            unfilter(filtered(pixels, width * 3, filters), width * 3, filters.length, 3, 'p'),
          ).toEqual(pixels);
        },
      ),
      { seed: 1 },
    );
  });

  test('refuses an unknown filter', () => {
    expect(() => unfilter(Uint8Array.of(5, 1, 2, 3), 3, 1, 3, 'p')).toThrow(
      new RangeError('p: expected PNG filters 0–4, got 5 in row 0.'),
    );
  });
});

describe('readPng', () => {
  const data = image(5, 4, 91);
  const file = encode({ width: 5, height: 4, channels: 3, depth: 8, data });

  test('reads files of another library', async () => {
    expect(await readPng(file, limit, 'p')).toEqual({ width: 5, height: 4, pixels: data });
  });

  test.each([
    ['another file', Buffer.from('GIF89a..........'), 'p: expected a PNG file, got another file.'],
    [
      'a file cut short',
      file.subarray(0, 60),
      /^p: expected \d+ bytes of IDAT, got \d+; it is cut short\.$/,
    ],
    [
      'a file without its end',
      file.subarray(0, file.length - 12),
      'p: expected a PNG file up to its IEND chunk, got an end before it; it is cut short.',
    ],
    [
      'grey',
      encode({ width: 5, height: 4, channels: 1, depth: 8, data: data.slice(0, 20) }),
      'p: expected a PNG of depth 8, color type 2 (RGB), interlacing 0, got depth 8, color type 0, interlacing 0.',
    ],
    [
      'a large image, before it is unpacked',
      encode({ width: 65, height: 1, channels: 3, depth: 8, data: image(65, 1, 3) }),
      'p: expected an image of at most 64×64 pixels, got 65×1.',
    ],
    [
      'altered pixel data',
      Uint8Array.from(file, (byte, at) => (at === file.length - 20 ? byte ^ 1 : byte)),
      /^p: expected /,
    ],
    [
      'a height that the data does not have',
      Uint8Array.from(file, (byte, at) => (at === 23 ? 5 : byte)),
      /^p: expected whole PNG pixel data, got /,
    ],
    [
      'more data than the height needs',
      Uint8Array.from(file, (byte, at) => (at === 23 ? 3 : byte)),
      /^p: expected at most 48 bytes when unpacked, got more; /,
    ],
  ])('refuses %s', async (_, bytes, message) => {
    const expected = typeof message === 'string' ? new RangeError(message) : message;
    await expect(readPng(bytes, limit, 'p')).rejects.toThrow(expected);
  });
});

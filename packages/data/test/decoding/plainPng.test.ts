import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/node/decoding/decodeImage.ts';
import { type ImageHeader, readPngHeader } from '../../src/node/decoding/fileHeaders.ts';
import { readPlainPng } from '../../src/node/decoding/plainPng.ts';
import { noise } from '../pixels/support.ts';

const [height, width] = [11, 13];
const colorTypes = { 1: 0, 2: 4, 3: 2, 4: 6 } as const;

function chunk(kind: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(kind), content]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

/** A PNG of given filtered rows. */
function png(
  filtered: Uint8Array,
  channels: 1 | 2 | 3 | 4,
  { pieces = 1, more = [] as Buffer[], interlacing = 0 } = {},
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, colorTypes[channels], 0, 0, interlacing], 8);
  const data = deflateSync(filtered);
  const step = Math.ceil(data.length / pieces);
  const parts = Array.from({ length: pieces }, (_, at) =>
    chunk('IDAT', data.subarray(at * step, (at + 1) * step)),
  );
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...more,
    ...parts,
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Random rows, each with its filter: all bytes are allowed ones of any filter. */
function rows(channels: number, filterOf: (row: number) => number): Uint8Array {
  const filtered = noise(height * (1 + width * channels));
  for (let row = 0; row < height; row++) filtered[row * (1 + width * channels)] = filterOf(row);
  return filtered;
}

function readPlain(file: Uint8Array, channels: 1 | 3 = 3) {
  return readPlainPng(file, readPngHeader(file) as ImageHeader, channels);
}

describe('readPlainPng', () => {
  for (const channels of [1, 2, 3, 4] as const)
    it.each([0, 1, 2, 3, 4, 'all'])(
      `has the pixels of sharp for ${channels} channels and filter %s`,
      async (filter) => {
        const filterOf = (row: number) => (filter === 'all' ? row % 5 : Number(filter));
        const file = png(rows(channels, filterOf), channels, { pieces: channels });
        const expected = await sharp(file).removeAlpha().toColourspace('srgb').raw().toBuffer();
        const plain = readPlain(file);
        expect(plain).toMatchObject({ height, width, isGray: false });
        expect(Buffer.from(plain?.pixels ?? []).equals(expected)).toBe(true);
        if (channels > 2) return;
        const gray = await sharp(file).removeAlpha().toColourspace('b-w').raw().toBuffer();
        expect(readPlain(file, 1)?.isGray).toBe(true);
        expect(Buffer.from(readPlain(file, 1)?.pixels ?? []).equals(gray)).toBe(true);
      },
    );

  it('leaves to sharp what is not of the usual kind', async () => {
    const filtered = rows(3, () => 0);
    const exif = Buffer.from('4d4d002a00000008000101120003000000010006000000000000', 'hex');
    const others = [
      png(filtered, 3, { interlacing: 1 }),
      png(filtered, 3, { more: [chunk('tRNS', Buffer.alloc(6))] }),
      png(filtered, 3, { more: [chunk('eXIf', exif)] }),
      png(filtered, 3, { more: [chunk('acTL', Buffer.from('0000000200000000', 'hex'))] }),
      png(filtered, 3, { more: [chunk('PLTE', Buffer.alloc(6))] }),
      await sharp(Buffer.alloc(300 * 3), { raw: { width: 300, height: 1, channels: 3 } })
        .png()
        .toBuffer(),
    ];
    for (const file of others) expect(readPlain(file)).toBeUndefined();
    expect(
      readPlain(png(filtered, 3, { more: [chunk('tEXt', Buffer.from('a\0b'))] })),
    ).toBeDefined();
  });

  it('takes no damaged file', async () => {
    const file = png(
      rows(3, () => 4),
      3,
    );
    for (let length = 33; length < file.length; length += 7)
      expect(readPlain(file.subarray(0, length)), `${length} bytes`).toBeUndefined();
    for (let at = 33; at < file.length; at += 7) {
      const altered = Buffer.from(file);
      altered[at] = (altered[at] as number) ^ 1;
      expect(readPlain(altered), `byte ${at}`).toBeUndefined();
    }
    // Checksums that fit do not help: rows too few, too many, or of an unknown filter.
    const whole = rows(3, () => 0);
    expect(readPlain(png(whole.subarray(0, -1), 3))).toBeUndefined();
    expect(readPlain(png(new Uint8Array(2 ** 22), 3))).toBeUndefined();
    expect(
      readPlain(
        png(
          rows(3, (row) => (row === 5 ? 5 : 0)),
          3,
        ),
      ),
    ).toBeUndefined();
    const cut = decodeImage(file.subarray(0, 200), { name: 'a.png', channels: 3 });
    await expect(cut).rejects.toThrow(
      /^decodeImage 'a\.png': expected a whole PNG file, got one that is cut short or damaged .*/,
    );
  });
});

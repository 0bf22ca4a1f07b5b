import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/node/decoding/decodeImage.ts';
import { probeImage } from '../../src/node/decoding/probeImage.ts';
import { probeImages } from '../../src/node/decoding/probeImages.ts';
import { hash, readRows } from './support.ts';

interface Row {
  readonly name: string;
  /** Base64. */
  readonly file: string;
  readonly height?: number;
  readonly width?: number;
  readonly rgbHash?: string;
  readonly grayHash?: string;
  /** Base64, for what is not exact. */
  readonly rgb?: string;
}

const rows = readRows<Row>('decoded.json');
const exact = rows.filter((row) => row.rgbHash !== undefined && !/float|bmp/.test(row.name));

function fileOf(name: string): Buffer {
  const row = rows.find((each) => each.name === name);
  if (row === undefined) throw new Error(`no fixture ${name}`);
  return Buffer.from(row.file, 'base64');
}

describe('decodeImage', () => {
  it.each(exact)('has the bits of Pillow for $name', async (row) => {
    const { name, height, width } = row;
    const file = fileOf(name);
    const rgb = await decodeImage(file, { name, channels: 3 });
    expect([rgb.height, rgb.width, hash(rgb.pixels, 64)]).toEqual([height, width, row.rgbHash]);
    const gray = await decodeImage(file, { name, channels: 1 });
    expect([gray.channels, hash(gray.pixels, 64)]).toEqual([1, row.grayHash]);
    const probed = await probeImage(file, name);
    expect([probed.height, probed.width]).toEqual([height, width]);
  });

  it.each([
    ['full-chroma.avif', 1],
    ['turned-6.avif', 1],
    ['halved-chroma.avif', 8],
  ])('is near Pillow for %s: at most %d of 255', async (name, most) => {
    const row = rows.find((each) => each.name === name) as Row;
    const { pixels, height, width } = await decodeImage(fileOf(name), { name, channels: 3 });
    expect([height, width]).toEqual([row.height, row.width]);
    const expected = Buffer.from(row.rgb as string, 'base64');
    const differences = pixels.map((value, at) => Math.abs(value - (expected[at] as number)));
    expect(pixels.length).toBe(expected.length);
    expect(Math.max(...differences)).toBeLessThanOrEqual(most);
  });

  it('notes what was converted', async () => {
    const notesOf = async (name: string) =>
      (await decodeImage(fileOf(name), { name, channels: 3 })).notes;
    expect(await notesOf('baseline.jpg')).toEqual([]);
    expect(await notesOf('cmyk.jpg')).toEqual(['converted from CMYK without a color profile']);
    expect(await notesOf('wide-gray.png')).toEqual(['16 bits a channel, of which 8 are kept']);
    expect(await notesOf('palette-transparent.png')).toEqual(['transparency dropped']);
    expect(await notesOf('turned-6.jpg')).toEqual(['turned by its EXIF orientation']);
    expect(await notesOf('animated.png')).toEqual(['the first of 2 frames']);
    expect(await notesOf('pages.tiff')).toEqual(['the first of 2 pages']);
    expect(await notesOf('full-chroma.avif')).toEqual([
      "AVIF, whose pixels differ a little from Pillow's",
    ]);
  });

  it.each([
    'baseline.jpg',
    'progressive.jpg',
    'rgb.png',
    'palette.gif',
    'lossy.webp',
    'rgb.tiff',
    'full-chroma.avif',
  ])('refuses %s cut short anywhere, naming it', async (name) => {
    const file = fileOf(name);
    // The last chunk of a PNG and the checksum before it are not needed, for Pillow neither.
    const whole = name === 'rgb.png' ? file.length - 16 : file.length - 2;
    for (const length of [12, 40, 0.3 * file.length, 0.7 * file.length, whole].map(Math.floor)) {
      const cut = file.subarray(0, length);
      await expect(decodeImage(cut, { name, channels: 3 }), `${name} ${length}`).rejects.toThrow(
        new RegExp(`^decodeImage '${name}': expected .*, got .*; .*\\.$`),
      );
    }
  });

  it('refuses what is no picture, or one of a format that is not read', async () => {
    const messageOf = (bytes: Uint8Array) =>
      decodeImage(bytes, { name: 'a/b.jpg', channels: 3 }).catch((error) => error.message);
    const start = "decodeImage 'a/b.jpg': expected";
    const pictures = 'a picture (JPEG, PNG, WebP, AVIF, GIF or TIFF)';
    const getAgain = 'get the file again, or leave it out (skipBroken, --skip-broken).';
    const convert = 'convert the file to PNG, or leave it out (skipBroken, --skip-broken).';
    expect(await messageOf(new Uint8Array(0))).toBe(
      `${start} ${pictures}, got an empty file; ${getAgain}`,
    );
    expect(await messageOf(Buffer.from('label,name\n1,dog'))).toBe(
      `${start} ${pictures}, got another kind of file; ${getAgain}`,
    );
    expect(await messageOf(fileOf('rgb.bmp'))).toBe(
      `${start} JPEG, PNG, WebP, AVIF, GIF or TIFF, got BMP; ${convert}`,
    );
    expect(await messageOf(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'))).toBe(
      `${start} JPEG, PNG, WebP, AVIF, GIF or TIFF, got SVG; ${convert}`,
    );
    expect(await messageOf(Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'))).toBe(
      `${start} JPEG, PNG, WebP, AVIF, GIF or TIFF, got HEIC; ${convert}`,
    );
    expect(await messageOf(Buffer.from('\0\0\0\x18ftypmp42\0\0\0\0mp41isom'))).toBe(
      `${start} ${pictures}, got another kind of file; ${getAgain}`,
    );
    expect(await messageOf(fileOf('float.tiff'))).toBe(
      `${start} 8 or 16 bits a channel, got numbers of the type float; ${convert}`,
    );
  });

  it('refuses too many pixels, and none, by the header alone', async () => {
    const sized = (width: number, height: number) => {
      const file = fileOf('rgb.png');
      file.writeUInt32BE(width, 16);
      file.writeUInt32BE(height, 20);
      return file;
    };
    const decode = (file: Buffer) => decodeImage(file, { name: 'x.png', channels: 3 });
    await expect(decode(sized(20_000, 20_000))).rejects.toThrow(
      "decodeImage 'x.png': expected at most 2^27 pixels (11585 × 11585), got 20000 × 20000; " +
        'make the picture smaller, or leave it out (skipBroken, --skip-broken).',
    );
    await expect(decode(sized(0, 5))).rejects.toThrow('expected at least one pixel, got 0 × 5');
    const jpeg = fileOf('baseline.jpg');
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    jpeg.writeUInt16BE(65_000, frame + 5);
    jpeg.writeUInt16BE(65_000, frame + 7);
    await expect(decode(jpeg)).rejects.toThrow('got 65000 × 65000');
    await expect(probeImage(jpeg, 'x.jpg')).rejects.toThrow("probeImage 'x.jpg': expected at most");
  });
});

describe('probeImage', () => {
  it('reads format, channels, bits and orientation', async () => {
    const probe = async (name: string) => {
      const { format, channels, bits, color, orientation } = await probeImage(fileOf(name), name);
      return [format, channels, bits, color, orientation];
    };
    expect(await probe('baseline.jpg')).toEqual(['jpeg', 3, 8, 'rgb', 1]);
    expect(await probe('turned-6.jpg')).toEqual(['jpeg', 3, 8, 'rgb', 6]);
    expect(await probe('cmyk.jpg')).toEqual(['jpeg', 4, 8, 'cmyk', 1]);
    expect(await probe('gray-alpha.png')).toEqual(['png', 2, 8, 'gray', 1]);
    expect(await probe('palette-transparent.png')).toEqual(['png', 4, 4, 'palette', 1]);
    expect(await probe('bits.png')).toEqual(['png', 1, 1, 'gray', 1]);
    expect(await probe('wide.png')).toEqual(['png', 3, 16, 'rgb', 1]);
    expect(await probe('turned-5.webp')).toEqual(['webp', 3, 8, 'rgb', 5]);
    expect(await probe('rgb.tiff')).toEqual(['tiff', 3, 8, 'rgb', 1]);
  });

  it('ends on any bytes', async () => {
    for (const name of ['turned-6.jpg', 'turned-6.png', 'lossy.webp', 'rgb.tiff', 'palette.gif']) {
      const file = fileOf(name);
      for (let at = 0; at < 120; at++) {
        const altered = Buffer.from(file);
        altered[at] = (altered[at] as number) ^ 0xff;
        const result = await probeImage(altered, name).catch((error: Error) => error);
        if (result instanceof Error)
          expect(result.message).toMatch(/^probeImage '.*': expected .*, got .*\.$/);
        else expect(result.width * result.height).toBeGreaterThan(0);
      }
    }
  });
});

describe('probeImages', () => {
  it('describes a sample of all splits', async () => {
    const names = ['baseline.jpg', 'gray.png', 'turned-6.jpg', 'wide.png', 'rgb.bmp'];
    const splitOf = (files: readonly string[]) => ({
      count: files.length,
      labels: new Int32Array(files.length),
      nameOf: (index: number) => files[index] as string,
      read: async (index: number) => ({
        encoded: new Uint8Array(fileOf(files[index] as string)),
      }),
      version: '',
    });
    const collection = {
      splits: { train: splitOf(names.slice(0, 3)), test: splitOf(names.slice(3)) },
    };
    const { broken, ...probed } = await probeImages(collection);
    expect(probed).toEqual({
      count: 4,
      height: { least: 29, median: 29, most: 37 },
      width: { least: 29, median: 37, most: 37 },
      shorterSide: { least: 29, median: 29, most: 29 },
      isOneSize: false,
      formats: { jpeg: 2, png: 2 },
      channels: { 1: 1, 3: 3 },
      bits: { 8: 3, 16: 1 },
    });
    expect(broken.map(({ name }) => name)).toEqual(['rgb.bmp']);
    expect((await probeImages(collection, { limit: 2 })).count).toBe(2);
  });
});

import { describe, expect, it } from 'vitest';
import { type Interpolation, resample } from '../../src/pixels/resample.ts';
import { hash, noise, readRows } from './support.ts';

type Row = [
  height: number,
  width: number,
  channels: 1 | 3,
  newHeight: number,
  newWidth: number,
  isBlackAndWhite: boolean,
  hashes: Record<Interpolation, string>,
];

function imageOf([height, width, channels, , , isBlackAndWhite]: Row) {
  const grays = noise(height * width * channels);
  const pixels = isBlackAndWhite ? grays.map((value) => (value > 127 ? 255 : 0)) : grays;
  return { pixels, height, width, channels };
}

describe('resample', () => {
  const rows = readRows<Row>('resized.json');

  it('has the bits of Pillow 13 for images that grow, shrink or are one pixel wide', () => {
    expect(rows.length).toBe(220);
    for (const row of rows) {
      const [height, width, channels, newHeight, newWidth, , hashes] = row;
      for (const interpolation of ['bilinear', 'bicubic'] as const) {
        const result = resample(imageOf(row), {
          height: newHeight,
          width: newWidth,
          interpolation,
        });
        const name = `${height} × ${width} × ${channels} → ${newHeight} × ${newWidth}`;
        expect(`${name} ${hash(result)}`).toBe(`${name} ${hashes[interpolation]}`);
      }
    }
  });

  it('computes a crop as a part of the whole', () => {
    for (const row of rows.filter(([, , , height, width]) => height > 4 && width > 4)) {
      const [, , channels, height, width] = row;
      const image = imageOf(row);
      const whole = resample(image, { height, width, interpolation: 'bicubic' });
      const crop = { top: 2, left: 1, height: height - 4, width: width - 2 };
      const part = resample(image, { height, width, interpolation: 'bicubic', crop });
      const expected = Array.from({ length: crop.height }, (_, y) => {
        const begin = ((y + crop.top) * width + crop.left) * channels;
        return whole.subarray(begin, begin + crop.width * channels);
      });
      expect(Buffer.compare(part, Buffer.concat(expected))).toBe(0);
    }
  });

  it('leaves images of one color and images of the right size as they are', () => {
    for (const interpolation of ['bilinear', 'bicubic'] as const) {
      for (const value of [0, 1, 127, 254, 255]) {
        const image = { pixels: new Uint8Array(17 * 31 * 3).fill(value), height: 17, width: 31 };
        const result = resample({ ...image, channels: 3 }, { height: 40, width: 9, interpolation });
        expect(new Set(result)).toEqual(new Set([value]));
      }
      const pixels = noise(13 * 11);
      const same = resample(
        { pixels, height: 13, width: 11, channels: 1 },
        { height: 13, width: 11, interpolation },
      );
      expect(same).toEqual(pixels);
    }
  });

  it('refuses sizes and crops that do not fit', () => {
    const image = { pixels: new Uint8Array(12), height: 2, width: 2, channels: 3 } as const;
    const to = { height: 4, width: 4, interpolation: 'bilinear' } as const;
    expect(() => resample({ ...image, height: 3 }, to)).toThrow(
      'resample: expected 18 bytes of pixels, got 12.',
    );
    expect(() => resample(image, { ...to, width: 0 })).toThrow('sizes in whole pixels');
    const crop = { top: 2, left: 0, height: 3, width: 4 };
    expect(() => resample(image, { ...to, crop })).toThrow(
      'resample: expected a crop inside 4 × 4, got {"top":2,"left":0,"height":3,"width":4}.',
    );
  });
});

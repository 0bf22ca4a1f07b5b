import { describe, expect, test } from 'vitest';
import { imageDataset } from '../src/index.ts';

const good = {
  pixels: [0, 255, 3, 4, 5, 6, 7, 8],
  labels: [1, 0],
  imageShape: [2, 2, 1],
  classNames: ['a', 'b'],
  name: 'two',
} as const;

describe('imageDataset', () => {
  test('holds bytes, labels and all rows', () => {
    const set = imageDataset(good);
    expect(set.pixels).toEqual(Uint8Array.of(0, 255, 3, 4, 5, 6, 7, 8));
    expect(set.labels).toEqual(Uint8Array.of(1, 0));
    expect(set.rows).toEqual(Int32Array.of(0, 1));
  });

  test('keeps labels above 255', () => {
    const classNames = Array.from({ length: 300 }, (_, label) => `${label}`);
    expect([...imageDataset({ ...good, labels: [299, 0], classNames }).labels]).toEqual([299, 0]);
  });

  test('its identity changes with pixels, labels and shape, and with nothing else', async () => {
    const identity = await imageDataset(good).fingerprint();
    expect(identity).toMatch(/^[0-9a-f]{64}$/);
    expect(
      await imageDataset({
        ...good,
        pixels: Uint8Array.from(good.pixels),
        name: 'another name',
      }).fingerprint(),
    ).toBe(identity);
    expect(
      await imageDataset({ ...good, pixels: [1, 255, 3, 4, 5, 6, 7, 8] }).fingerprint(),
    ).not.toBe(identity);
    expect(await imageDataset({ ...good, labels: [0, 1] }).fingerprint()).not.toBe(identity);
    expect(await imageDataset({ ...good, imageShape: [1, 4, 1] }).fingerprint()).not.toBe(identity);
  });

  test.each([
    [{ labels: [] }, "imageDataset 'two': expected at least one picture, got an empty set."],
    [
      { labels: [0, 1, 1] },
      "imageDataset 'two': expected 12 pixels (3 labels × 2 × 2 × 1), got 8; each picture needs one label.",
    ],
    [
      { pixels: [1, 2, 3] },
      "imageDataset 'two': expected 8 pixels (2 labels × 2 × 2 × 1), got 3; each picture needs one label.",
    ],
    [
      { labels: [0, 2] },
      "imageDataset 'two': expected whole labels 0–1 (2 class names), got 2 for picture 1.",
    ],
    [
      { labels: [-1, 0] },
      "imageDataset 'two': expected whole labels 0–1 (2 class names), got -1 for picture 0.",
    ],
    [
      { labels: [0.5, 0] },
      "imageDataset 'two': expected whole labels 0–1 (2 class names), got 0.5 for picture 0.",
    ],
    [{ classNames: [] }, "imageDataset 'two': expected at least one class name, got 0."],
    [
      { imageShape: [2, 2, 0] as const },
      "imageDataset 'two': expected imageShape [height, width, channels] of whole numbers ≥ 1, got [2, 2, 0].",
    ],
    [
      { pixels: [0, 0.5, 3, 4, 5, 6, 7, 8] },
      "imageDataset 'two': expected whole pixels 0–255, got 0.5 at position 1; pixels that run from 0 to 1 must be multiplied by 255 and rounded.",
    ],
  ] as const)('refuses %j', (wrong, message) => {
    expect(() => imageDataset({ ...good, ...wrong })).toThrow(new RangeError(message));
  });
});

import { philox4x32 } from '@kd/core/internal';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RandomWords } from '../../src/augmentations/augmentation.ts';
import { type Augmentation, cutout, randomCrop, randomHorizontalFlip } from '../../src/index.ts';
import { augmentationRenderer } from '../../src/renderer.ts';

const draws = (...values: number[]): RandomWords => [
  values[0] ?? 0,
  values[1] ?? 0,
  values[2] ?? 0,
  values[3] ?? 0,
];
const still = (places: number) => Int32Array.from({ length: places }, (_, place) => place);

/** The draw that makes `Math.floor((draw / 2³²) × choices)` the choice. */
const choose = (choice: number, choices: number) => Math.ceil(((choice + 0.5) / choices) * 2 ** 32);

describe('randomHorizontalFlip', () => {
  test('mirrors each row when the draw is in the upper half, else not', () => {
    const target = new Int32Array(6);
    randomHorizontalFlip().remap(still(6), target, [2, 3, 1], draws(2 ** 31));
    expect([...target]).toEqual([2, 1, 0, 5, 4, 3]);
    randomHorizontalFlip().remap(still(6), target, [2, 3, 1], draws(2 ** 31 - 1));
    expect([...target]).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('randomCrop', () => {
  test('reflects without repeating the edge', () => {
    const target = new Int32Array(9);
    randomCrop({ padding: 2 }).remap(
      still(9),
      target,
      [3, 3, 1],
      draws(choose(0, 5), choose(2, 5)),
    );
    expect([...target]).toEqual([6, 7, 8, 3, 4, 5, 0, 1, 2]);
    randomCrop({ padding: 2 }).remap(
      still(9),
      target,
      [3, 3, 1],
      draws(choose(2, 5), choose(3, 5)),
    );
    expect([...target]).toEqual([1, 2, 1, 4, 5, 4, 7, 8, 7]);
  });

  test('fill zero is black', () => {
    const target = new Int32Array(9);
    randomCrop({ padding: 1, fill: 'zero' }).remap(
      still(9),
      target,
      [3, 3, 1],
      draws(choose(0, 3), choose(2, 3)),
    );
    expect([...target]).toEqual([-1, -1, -1, 1, 2, -1, 4, 5, -1]);
  });

  test('draws every shift about equally often', () => {
    const counts = new Map<number, number>();
    const out = new Uint32Array(4);
    const target = new Int32Array(9);
    for (let row = 0; row < 9000; row++) {
      philox4x32(5, 6, row, out);
      randomCrop({ padding: 1, fill: 'zero' }).remap(still(9), target, [3, 3, 1], draws(...out));
      const shift = target.indexOf(4);
      counts.set(shift, (counts.get(shift) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test.each([
    [
      { padding: -1 },
      'randomCrop: expected padding to be a whole number ≥ 0, got -1; 4 is usual for 32×32.',
    ],
    [
      { padding: 1.5 },
      'randomCrop: expected padding to be a whole number ≥ 0, got 1.5; 4 is usual for 32×32.',
    ],
    [
      { padding: 1, fill: 'edge' as 'zero' },
      "randomCrop: expected fill 'reflect' or 'zero', got edge.",
    ],
  ])('refuses %j', (options, message) => {
    expect(() => randomCrop(options)).toThrow(new RangeError(message));
  });

  test('refuses to reflect more than the image has', () => {
    const message =
      "randomCrop: expected padding less than the sides of the image, 3×3, got 3; take a smaller padding or fill 'zero'.";
    expect(() =>
      randomCrop({ padding: 3 }).remap(still(9), new Int32Array(9), [3, 3, 1], draws()),
    ).toThrow(new RangeError(message));
  });
});

describe('cutout', () => {
  test('blackens a square, cut off at the edge', () => {
    const target = new Int32Array(16);
    cutout({ size: 2 }).remap(still(16), target, [4, 4, 1], draws(choose(2, 4), choose(2, 4)));
    expect([...target]).toEqual([0, 1, 2, 3, 4, -1, -1, 7, 8, -1, -1, 11, 12, 13, 14, 15]);
    cutout({ size: 2 }).remap(still(16), target, [4, 4, 1], draws(choose(0, 4), choose(3, 4)));
    expect([...target]).toEqual([0, 1, -1, -1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });

  test('refuses size 0', () => {
    const message =
      'cutout: expected size to be a whole number ≥ 1, got 0; 8 is usual for 32×32 with flips and crops, 16 without.';
    expect(() => cutout({ size: 0 })).toThrow(new RangeError(message));
  });
});

describe('augmentationRenderer', () => {
  const pixels = Uint8Array.from({ length: 3 * 4 * 4 * 3 }, (_, at) => (at * 91) % 256);
  const invert: Augmentation = {
    spec: 'invert()',
    apply: (image) =>
      image.forEach((value, at) => {
        image[at] = 255 - value;
      }),
  };
  const render = (views: Augmentation[], channels: number, row: number, seed: number) => {
    const out = new Uint8Array(16 * channels);
    const image = pixels.subarray(row * 16 * channels, (row + 1) * 16 * channels);
    augmentationRenderer(views, [4, 4, channels])(image, row, seed, out, 0);
    return out;
  };

  test('without augmentations gives the image', () => {
    expect(render([], 3, 1, 0)).toEqual(pixels.slice(48, 96));
  });

  test('applies pixel transforms between geometric ones: the black of a crop is inverted only by what comes after it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.constantFrom(1, 3),
        (seed, channels) => {
          const plain = render([randomCrop({ padding: 2, fill: 'zero' })], channels, 0, seed);
          const inverted = render(
            [randomCrop({ padding: 2, fill: 'zero' }), invert],
            channels,
            0,
            seed,
          );
          expect(inverted).toEqual(plain.map((value) => 255 - value));
        },
      ),
      { seed: 1, numRuns: 50 },
    );
  });

  test('geometric transforms composed in one pass equal the same ones with a pass between them', () => {
    const nothing: Augmentation = {
      spec: 'nothing()',
      remap: (source, target) => target.set(source),
    };
    const stop: Augmentation = { spec: 'stop()', apply: () => {} };
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.constantFrom(1, 3),
        (seed, channels) => {
          const views = (between: Augmentation) => [
            randomCrop({ padding: 2, fill: 'zero' }),
            between,
            randomHorizontalFlip(),
            between,
            cutout({ size: 2 }),
          ];
          expect(render(views(nothing), channels, 0, seed)).toEqual(
            render(views(stop), channels, 0, seed),
          );
        },
      ),
      { seed: 2, numRuns: 50 },
    );
  });

  test('leaves the dataset unchanged', () => {
    const before = pixels.slice();
    render([invert, randomCrop({ padding: 1 }), invert], 3, 0, 7);
    expect(pixels).toEqual(before);
  });
});

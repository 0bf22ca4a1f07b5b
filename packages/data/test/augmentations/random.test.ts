import { philox4x32 } from '@kd/core/internal';
import { describe, expect, test } from 'vitest';
import { drawMore, type RandomWords } from '../../src/augmentations/augmentation.ts';
import { drawErasedBox } from '../../src/augmentations/erasing.ts';
import { drawCropBox } from '../../src/augmentations/resizedCrop.ts';
import {
  type Augmentation,
  colorJitter,
  cutout,
  randAugment,
  randomAffine,
  randomCrop,
  randomErasing,
  randomGrayscale,
  randomHorizontalFlip,
  randomResizedCrop,
  randomRotation,
  randomVerticalFlip,
  trivialAugment,
} from '../../src/index.ts';
import { augmentationRenderer } from '../../src/renderer.ts';
import { hash, noise } from '../pixels/support.ts';

function wordsOf(index: number): RandomWords {
  const out = new Uint32Array(4);
  philox4x32(11, 22, index, out);
  return [...out] as unknown as RandomWords;
}

const all: readonly Augmentation[] = [
  randomCrop({ padding: 3 }),
  randomHorizontalFlip(),
  randomVerticalFlip(),
  cutout({ size: 4 }),
  randomResizedCrop(),
  randomResizedCrop({ scale: [0.3, 0.5], interpolation: 'bicubic' }),
  colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
  randomGrayscale({ probability: 0.5 }),
  randomErasing({ value: 'random' }),
  randomErasing({ probability: 1, value: 255 }),
  randomRotation({ degrees: 30 }),
  randomRotation({ degrees: [10, 20], interpolation: 'bilinear' }),
  randomAffine({ degrees: 10, translate: [0.1, 0.2], scale: [0.8, 1.2], shear: 5 }),
  randAugment(),
  randAugment({ operations: 3, magnitude: 15, interpolation: 'bilinear' }),
  trivialAugment(),
];

function render(augmentation: Augmentation, channels: number, index: number): Uint8Array {
  const out = new Uint8Array(20 * 24 * channels);
  const render = augmentationRenderer([augmentation], [20, 24, channels]);
  render(noise(out.length), index, 7, out, 0);
  return out;
}

const specs = all.map((augmentation) => [augmentation.spec, augmentation] as const);

describe.each(specs)('%s', (spec, augmentation) => {
  test('is drawn from the image and the view alone, and changes from image to image', () => {
    for (const channels of [1, 3]) {
      const first = Array.from({ length: 12 }, (_, index) => render(augmentation, channels, index));
      for (let index = 11; index >= 0; index--)
        expect(render(augmentation, channels, index)).toEqual(first[index]);
      const different = new Set(first.map((pixels) => hash(pixels)));
      const stays = channels === 1 && spec.startsWith('randomGrayscale');
      expect(different.size > 1).toBe(!stays);
    }
  });

  test('has a spec of its own without spaces', () => {
    expect(spec).toMatch(/^\w+\([^\s]*\)$/);
    expect(specs.filter(([other]) => other === spec).length).toBe(1);
  });
});

/** Pixels that a version before has given for a seed: they must stay. */
test('pixels for a seed stay the same', () => {
  const pixels = all.map((each) => {
    const fractions = Float32Array.from(render(each, 3, 5), (value) => value / 255);
    return hash(new Uint8Array(fractions.buffer), 8);
  });
  expect(pixels).toMatchInlineSnapshot(`
    [
      "aef2dc1c",
      "595aafc7",
      "595aafc7",
      "9c1f5a78",
      "85a73bc2",
      "46aa49e1",
      "39b11b63",
      "d4943f98",
      "41746c71",
      "71a28120",
      "60d0db58",
      "beb7251f",
      "e2f374d9",
      "62ae9c79",
      "050be27f",
      "9ec657a3",
    ]
  `);
});

describe('boxes', () => {
  const range = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] } as const;

  test('of randomResizedCrop are inside, of areas and shapes in range', () => {
    let area = 0;
    for (let index = 0; index < 2000; index++) {
      const { top, left, height, width } = drawCropBox(100, 140, range, drawMore(wordsOf(index)));
      expect(top >= 0 && left >= 0 && top + height <= 100 && left + width <= 140).toBe(true);
      expect(width / height).toBeGreaterThan(0.72);
      expect(width / height).toBeLessThan(1.41);
      area += (height * width) / 14_000 / 2000;
    }
    // Large areas fit less often: a million draws of torchvision's rule have this mean; the
    // standard deviation of 2000 is 0.0047.
    expect(Math.abs(area - 0.4169)).toBeLessThan(0.015);
  });

  test('that fit in none of ten tries are the largest in the center', () => {
    const draw = () => 0.5;
    const options = { scale: [1, 1], ratio: [0.5, 0.5] } as const;
    expect(drawCropBox(10, 40, options, draw)).toEqual({ top: 0, left: 17, height: 10, width: 5 });
    expect(drawCropBox(40, 10, options, draw)).toEqual({ top: 10, left: 0, height: 20, width: 10 });
  });

  test('of randomErasing are smaller than the image, or there is none', () => {
    const options = { scale: [0.02, 0.33], ratio: [0.3, 3.3] } as const;
    for (let index = 0; index < 500; index++) {
      const box = drawErasedBox(32, 32, options, drawMore(wordsOf(index)));
      expect((box?.height ?? 0) < 32 && (box?.width ?? 0) < 32).toBe(true);
    }
    const whole = { scale: [1, 1], ratio: [1, 1] } as const;
    expect(drawErasedBox(32, 32, whole, () => 0.5)).toBeUndefined();
  });
});

test('randomErasing writes its value into a rectangle, with its probability', () => {
  let erased = 0;
  for (let index = 0; index < 1000; index++) {
    const pixels = new Uint8Array(16 * 16 * 3).fill(9);
    randomErasing({ probability: 0.3, value: [1, 2, 3] }).apply(
      pixels,
      [16, 16, 3],
      wordsOf(index),
    );
    const changed = pixels.reduce((count, value) => count + Number(value !== 9), 0);
    if (changed === 0) continue;
    erased++;
    const first = pixels.findIndex((value) => value !== 9);
    expect([...pixels.subarray(first, first + 3)]).toEqual([1, 2, 3]);
    expect(changed % 3).toBe(0);
  }
  expect(Math.abs(erased - 300)).toBeLessThan(60);
});

test.each([
  [
    () => randomResizedCrop({ scale: [0.5, 0.2] }),
    'randomResizedCrop: expected scale [least, greatest] within 0 and 1, got [0.5, 0.2].',
  ],
  [() => randomResizedCrop({ interpolation: 'box' as 'bilinear' }), 'got box'],
  [() => colorJitter({}), 'colorJitter: expected something to change, got no option.'],
  [() => colorJitter({ hue: 0.6 }), 'hue [least, greatest] within -0.5 and 0.5'],
  [() => colorJitter({ brightness: -1 }), 'colorJitter: expected brightness ≥ 0, got -1.'],
  [() => randomErasing({ value: 256 }), "a value of whole numbers 0–255, or 'random', got 256"],
  [() => randomErasing({ probability: 2 }), 'randomErasing: expected 0 ≤ probability ≤ 1, got 2.'],
  [() => randomRotation({ degrees: Number.NaN }), 'randomRotation: expected degrees'],
  [
    () => randomAffine({ degrees: 0, translate: [0, 2] }),
    'translate [horizontal, vertical] of parts 0–1',
  ],
  [() => randAugment({ operations: 0 }), 'operations to be a whole number ≥ 1, got 0; 2 is usual.'],
  [
    () => randAugment({ magnitude: 31 }),
    'randAugment: expected a whole magnitude from 0 to 30, got 31.',
  ],
  [() => trivialAugment({ magnitudeBins: 1 }), 'magnitudeBins ≥ 2, got 1; 31 is usual.'],
  [() => render(randAugment(), 2, 0), 'randAugment: expected images of 1 or 3 channels, got 2.'],
])('refuses %s', (create, message) => {
  expect(create).toThrow(message);
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type AffineParameters,
  affineMatrix,
  rotationMatrix,
  transformBilinear,
  transformNearest,
} from '../../src/augmentations/affine.ts';
import type { GeometricTransform } from '../../src/augmentations/augmentation.ts';
import { drawBeta } from '../../src/augmentations/beta.ts';
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  toGrayscale,
} from '../../src/augmentations/color.ts';
import { cutmixBox, mixPixels } from '../../src/augmentations/mixing.ts';
import {
  randAugmentOperations,
  trivialAugmentOperations,
} from '../../src/augmentations/randAugment.ts';
import { resizeBox } from '../../src/augmentations/resizedCrop.ts';
import type { AffineInterpolation } from '../../src/augmentations/rotation.ts';
import {
  adjustSharpness,
  autocontrast,
  equalize,
  posterize,
  solarize,
} from '../../src/augmentations/tone.ts';
import { randomHorizontalFlip, randomVerticalFlip } from '../../src/index.ts';
import type { Interpolation } from '../../src/pixels/resample.ts';
import { hash, noise } from '../pixels/support.ts';

type Shape = readonly [number, number, number];

interface Case {
  readonly operation: string;
  readonly arguments: readonly unknown[];
  readonly image: string;
  readonly sha256: string;
  readonly values?: readonly number[];
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/augmentations/torchvision.json', import.meta.url), 'utf8'),
) as {
  readonly cases: readonly Case[];
  readonly cutmixBoxes: readonly (readonly number[])[];
  readonly mixup: Readonly<Record<string, string>>;
  readonly betaQuantiles: Readonly<Record<string, readonly number[]>>;
};

/** The pixels of `waves` in golden.py. */
function waves([height, width, channels]: Shape): Uint8Array {
  const added = noise(height * width * channels);
  return added.map((value, at) => {
    const [x, y] = [Math.floor(at / channels) % width, Math.floor(at / channels / width)];
    const fold = Math.abs(((x * 5 + y * 3 * ((at % channels) + 1)) % 256) - 128);
    return 20 + fold + (value >> 4);
  });
}

const shapes: Readonly<Record<string, Shape>> = {
  noise: [40, 56, 3],
  waves: [48, 48, 3],
  gray: [37, 52, 1],
  flat: [12, 10, 3],
};

function imageOf(name: string): { pixels: Uint8Array; shape: Shape } {
  const shape = shapes[name] as Shape;
  const size = shape[0] * shape[1] * shape[2];
  if (name === 'noise') return { pixels: noise(size), shape };
  if (name === 'flat') return { pixels: new Uint8Array(size).fill(77), shape };
  return { pixels: waves(shape), shape };
}

function gather(pixels: Uint8Array, map: Int32Array, [, , channels]: Shape): Uint8Array {
  return pixels.map((_, at) => {
    const from = map[Math.floor(at / channels)] as number;
    return from < 0 ? 0 : (pixels[from * channels + (at % channels)] as number);
  });
}

function remapped(pixels: Uint8Array, shape: Shape, { remap }: GeometricTransform): Uint8Array {
  const positions = Int32Array.from({ length: shape[0] * shape[1] }, (_, at) => at);
  const map = new Int32Array(positions.length);
  remap(positions, map, shape, [2 ** 31, 0, 0, 0]);
  return gather(pixels, map, shape);
}

/** Runs one case. */
function apply({ operation, arguments: given, image }: Case): Uint8Array {
  const { pixels, shape } = imageOf(image);
  const [height, width, channels] = shape;
  const first = given[0] as number;
  switch (operation) {
    case 'randomHorizontalFlip':
      return remapped(pixels, shape, randomHorizontalFlip());
    case 'randomVerticalFlip':
      return remapped(pixels, shape, randomVerticalFlip());
    case 'adjustBrightness':
      adjustBrightness(pixels, first);
      break;
    case 'adjustContrast':
      adjustContrast(pixels, channels, first);
      break;
    case 'adjustSaturation':
      adjustSaturation(pixels, channels, first);
      break;
    case 'adjustSharpness':
      adjustSharpness(pixels, shape, first);
      break;
    case 'adjustHue':
      adjustHue(pixels, channels, first);
      break;
    case 'toGrayscale':
      toGrayscale(pixels, channels);
      break;
    case 'autocontrast':
      autocontrast(pixels, channels);
      break;
    case 'equalize':
      equalize(pixels, channels);
      break;
    case 'posterize':
      posterize(pixels, first);
      break;
    case 'solarize':
      solarize(pixels, first);
      break;
    case 'rotate':
    case 'affine': {
      const matrix =
        operation === 'rotate'
          ? rotationMatrix(first, height, width)
          : affineMatrix(given[0] as AffineParameters, height, width);
      if (given[1] === 'bilinear') transformBilinear(matrix, pixels, shape);
      else transformNearest(matrix, pixels, shape);
      break;
    }
    case 'resizeBox': {
      const [top, left, boxHeight, boxWidth] = given[0] as [number, number, number, number];
      const box = { top, left, height: boxHeight, width: boxWidth };
      resizeBox(pixels, shape, box, given[1] as Interpolation);
      break;
    }
    case 'randAugment':
    case 'trivialAugment': {
      const [name, number, sign, interpolation] = given as [string, number, number, string];
      const list = operation === 'randAugment' ? randAugmentOperations : trivialAugmentOperations;
      const found = list.find((each) => each.name === name);
      const magnitude = (found?.magnitude?.(number, 31, shape) ?? 0) * sign;
      found?.apply(pixels, shape, magnitude, interpolation as AffineInterpolation);
      break;
    }
    default:
      throw new Error(operation);
  }
  return pixels;
}

describe('torchvision v2 on PIL images', () => {
  const images = fixture.cases.filter(({ operation }) => operation !== 'magnitudes');
  const operations = [...new Set(images.map(({ operation }) => operation))];

  test.each(operations)('%s gives the same pixels', (operation) => {
    const unequal = images
      .filter((each) => each.operation === operation)
      .filter((each) => hash(apply(each)) !== each.sha256)
      .map(({ arguments: given, image }) => `${JSON.stringify(given)} ${image}`);
    expect(unequal).toEqual([]);
  });

  test('the operations of RandAugment and TrivialAugment are the same, in the same order', () => {
    for (const [operation, list] of [
      ['randAugment', randAugmentOperations],
      ['trivialAugment', trivialAugmentOperations],
    ] as const) {
      const names = images
        .filter((each) => each.operation === operation)
        .map(({ arguments: [name] }) => name);
      expect(list.map(({ name }) => name)).toEqual([...new Set(names)]);
    }
  });

  test('magnitudes are the same for other numbers of bins', () => {
    const magnitudeOf = (name: string, bins: number, number: number) =>
      randAugmentOperations
        .find((each) => each.name === name)
        ?.magnitude?.(number, bins, [32, 56, 3]);
    for (const { arguments: given, values } of fixture.cases.slice(images.length)) {
      const [bins, number] = given as [number, number];
      expect(['Posterize', 'TranslateX'].map((name) => magnitudeOf(name, bins, number))).toEqual(
        values,
      );
    }
  });

  test('the boxes of cutmix and the weights of its labels are the same', () => {
    for (const [share, height, width, row, column, ...made] of fixture.cutmixBoxes as Row[]) {
      const box = cutmixBox(height, width, share, { row, column });
      const area = (box.bottom - box.top) * (box.right - box.left);
      expect([box.top, box.left, box.bottom, box.right]).toEqual(made.slice(0, 4));
      expect(1 - area / (height * width)).toBeCloseTo(made[4] as number, 12);
    }
  });

  test('mixup differs by rounding', () => {
    const { pixels, shape } = imageOf('noise');
    const stride = shape[1] * 3;
    const fractions = Float32Array.from(pixels, (value) => value / 255);
    const others = Float32Array.from(fractions, (_, at) => {
      const row = shape[0] - 1 - Math.floor(at / stride);
      return fractions[row * stride + (at % stride)] as number;
    });
    for (const [share, encoded] of Object.entries(fixture.mixup)) {
      const expected = new Float32Array(Uint8Array.from(Buffer.from(encoded, 'base64')).buffer);
      const image = fractions.slice();
      mixPixels(image, others, Number(share));
      const gaps = expected.map((value, at) => Math.abs(value - (image[at] as number)));
      expect(Math.max(...gaps)).toBeLessThan(1.2e-7);
    }
  });
});

type Row = [number, number, number, number, number, ...number[]];

describe('drawBeta', () => {
  const count = 20_000;

  test.each(Object.entries(fixture.betaQuantiles))(
    'has the quantiles of SciPy for alpha %s',
    (alpha, quantiles) => {
      const drawn = Float64Array.from({ length: count }, (_, seed) =>
        drawBeta(Number(alpha), seed * 77_777),
      ).sort();
      // Kolmogorov and Smirnov: 1.95 / √n is exceeded once in a thousand.
      quantiles.forEach((quantile, at) => {
        const below = drawn.findIndex((value) => value > quantile);
        const part = (below < 0 ? count : below) / count;
        expect(Math.abs(part - (at + 1) / 20)).toBeLessThan(1.95 / Math.sqrt(count));
      });
      const mean = drawn.reduce((sum, value) => sum + value, 0) / count;
      const variance = drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
      expect(mean).toBeCloseTo(0.5, 1.5);
      expect(variance).toBeCloseTo(0.25 / (2 * Number(alpha) + 1), 2);
    },
  );

  test('is defined for very small and very large alpha', () => {
    for (const alpha of [1e-4, 1e4]) {
      for (let seed = 0; seed < 200; seed++) {
        const share = drawBeta(alpha, seed);
        expect(share >= 0 && share <= 1).toBe(true);
      }
    }
  });
});

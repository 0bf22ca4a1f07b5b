import { ensure } from '@kd/core';
import {
  type AffineMatrix,
  affineMatrix,
  rotationMatrix,
  transformBilinear,
  transformNearest,
} from './affine.ts';
import {
  assertColors,
  type Draw,
  drawBelow,
  drawMore,
  type PixelTransform,
} from './augmentation.ts';
import { adjustBrightness, adjustContrast, adjustSaturation } from './color.ts';
import { type AffineInterpolation, assertInterpolation } from './rotation.ts';
import { adjustSharpness, autocontrast, equalize, posterize, solarize } from './tone.ts';

type Shape = readonly [number, number, number];

/** One row of the tables of RandAugment and TrivialAugment. */
export interface AugmentOperation {
  readonly name: string;
  /** Magnitude by its number, 0 ≤ number < bins; absent: the operation has none. */
  readonly magnitude?: (number: number, bins: number, shape: Shape) => number;
  /** Whether half of the magnitudes are negative. */
  readonly isSigned?: boolean;
  /** Changes an image in place. */
  apply(
    pixels: Uint8Array,
    shape: Shape,
    magnitude: number,
    interpolation: AffineInterpolation,
  ): void;
}

/** How far the operations go at the greatest magnitude. */
interface Reach {
  readonly shear: number;
  readonly translation: (side: number) => number;
  readonly rotation: number;
  readonly color: number;
  readonly lostBits: number;
}

/** Degrees whose tangent is the magnitude, as torchvision asks its own `affine` for. */
const shearOf = (magnitude: number) => Math.atan(magnitude) * (180 / Math.PI);

function operationsOf({
  shear,
  translation,
  rotation,
  color,
  lostBits,
}: Reach): readonly AugmentOperation[] {
  const signed = (greatest: (shape: Shape) => number) => ({
    isSigned: true,
    magnitude: (number: number, bins: number, shape: Shape) =>
      linspace(0, greatest(shape), number, bins),
  });
  return [
    { name: 'Identity', apply: () => {} },
    {
      name: 'ShearX',
      ...signed(() => shear),
      apply: moved((value, height, width) =>
        affineMatrix({ shear: [shearOf(value), 0], center: [0, 0] }, height, width),
      ),
    },
    {
      name: 'ShearY',
      ...signed(() => shear),
      apply: moved((value, height, width) =>
        affineMatrix({ shear: [0, shearOf(value)], center: [0, 0] }, height, width),
      ),
    },
    {
      name: 'TranslateX',
      ...signed(([, width]) => translation(width)),
      apply: moved((value, height, width) =>
        affineMatrix({ translate: [Math.trunc(value), 0] }, height, width),
      ),
    },
    {
      name: 'TranslateY',
      ...signed(([height]) => translation(height)),
      apply: moved((value, height, width) =>
        affineMatrix({ translate: [0, Math.trunc(value)] }, height, width),
      ),
    },
    { name: 'Rotate', ...signed(() => rotation), apply: moved(rotationMatrix) },
    {
      name: 'Brightness',
      ...signed(() => color),
      apply: (pixels, _shape, value) => adjustBrightness(pixels, 1 + value),
    },
    {
      name: 'Color',
      ...signed(() => color),
      apply: (pixels, [, , channels], value) => adjustSaturation(pixels, channels, 1 + value),
    },
    {
      name: 'Contrast',
      ...signed(() => color),
      apply: (pixels, [, , channels], value) => adjustContrast(pixels, channels, 1 + value),
    },
    {
      name: 'Sharpness',
      ...signed(() => color),
      apply: (pixels, shape, value) => adjustSharpness(pixels, shape, 1 + value),
    },
    {
      name: 'Posterize',
      magnitude: (number, bins) => roundHalfToEven(8 - number / ((bins - 1) / lostBits)),
      apply: (pixels, _shape, value) => posterize(pixels, value),
    },
    {
      name: 'Solarize',
      magnitude: (number, bins) => linspace(1, 0, number, bins),
      apply: (pixels, _shape, value) => solarize(pixels, 255 * value),
    },
    { name: 'AutoContrast', apply: (pixels, [, , channels]) => autocontrast(pixels, channels) },
    { name: 'Equalize', apply: (pixels, [, , channels]) => equalize(pixels, channels) },
  ];
}

/** The operations of `randAugment`: torchvision's list. */
export const randAugmentOperations = operationsOf({
  shear: 0.3,
  translation: (side) => (150 / 331) * side,
  rotation: 30,
  color: 0.9,
  lostBits: 4,
});

/** The operations of `trivialAugment`: torchvision's list, the wide one of the paper. */
export const trivialAugmentOperations = operationsOf({
  shear: 0.99,
  translation: () => 32,
  rotation: 135,
  color: 0.99,
  lostBits: 6,
});

/** Options of `randAugment`. */
export interface RandAugmentOptions {
  /** Operations on each image, one after the other, ≥ 1; 2. */
  readonly operations?: number;
  /** 0 ≤ magnitude < magnitudeBins; 9. */
  readonly magnitude?: number;
  /** Number of magnitudes, ≥ 2; 31. */
  readonly magnitudeBins?: number;
  /** Of rotations, shears and translations: `nearest` (as in torchvision) or `bilinear`. */
  readonly interpolation?: AffineInterpolation;
}

/**
 * Changes each image by a few operations out of fourteen, all of the same magnitude. List,
 * magnitudes and pixels are those of torchvision's `RandAugment` on PIL images.
 * Cubuk et al., "RandAugment: practical automated data augmentation with a reduced search space",
 * NeurIPS 2020.
 */
export function randAugment({
  operations = 2,
  magnitude = 9,
  magnitudeBins = 31,
  interpolation = 'nearest',
}: RandAugmentOptions = {}): PixelTransform {
  const caller = 'randAugment';
  const isCount = Number.isInteger(operations) && operations >= 1;
  ensure(isCount, caller, 'operations to be a whole number ≥ 1', operations, '2 is usual');
  assertBins(caller, magnitudeBins);
  const isMagnitude = Number.isInteger(magnitude) && magnitude >= 0 && magnitude < magnitudeBins;
  ensure(isMagnitude, caller, `a whole magnitude from 0 to ${magnitudeBins - 1}`, magnitude);
  assertInterpolation(caller, interpolation);
  return {
    spec:
      `${caller}(operations=${operations},magnitude=${magnitude},` +
      `magnitudeBins=${magnitudeBins},interpolation=${interpolation})`,
    apply(pixels, shape, words) {
      assertColors(caller, shape[2]);
      const draw = drawMore(words);
      for (let count = 0; count < operations; count++) {
        const operation = drawOperation(randAugmentOperations, draw);
        const value = operation.magnitude?.(magnitude, magnitudeBins, shape) ?? 0;
        const isNegative = draw() < 0.5 && operation.isSigned === true;
        operation.apply(pixels, shape, isNegative ? -value : value, interpolation);
      }
    },
  };
}

/** Options of `trivialAugment`. */
export interface TrivialAugmentOptions {
  /** Number of magnitudes, ≥ 2; 31. */
  readonly magnitudeBins?: number;
  /** As in `randAugment`. */
  readonly interpolation?: AffineInterpolation;
}

/**
 * Changes each image by one operation out of fourteen, of a random magnitude: nothing to tune.
 * List, magnitudes and pixels are those of torchvision's `TrivialAugmentWide` on PIL images.
 * Müller and Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation", ICCV
 * 2021.
 */
export function trivialAugment({
  magnitudeBins = 31,
  interpolation = 'nearest',
}: TrivialAugmentOptions = {}): PixelTransform {
  const caller = 'trivialAugment';
  assertBins(caller, magnitudeBins);
  assertInterpolation(caller, interpolation);
  return {
    spec: `${caller}(magnitudeBins=${magnitudeBins},interpolation=${interpolation})`,
    apply(pixels, shape, words) {
      assertColors(caller, shape[2]);
      const draw = drawMore(words);
      const operation = drawOperation(trivialAugmentOperations, draw);
      const value =
        operation.magnitude?.(drawBelow(magnitudeBins, draw), magnitudeBins, shape) ?? 0;
      const isNegative = draw() < 0.5 && operation.isSigned === true;
      operation.apply(pixels, shape, isNegative ? -value : value, interpolation);
    },
  };
}

function drawOperation(operations: readonly AugmentOperation[], draw: Draw): AugmentOperation {
  return operations[drawBelow(operations.length, draw)] as AugmentOperation;
}

function assertBins(caller: string, bins: number): void {
  ensure(Number.isInteger(bins) && bins >= 2, caller, 'magnitudeBins ≥ 2', bins, '31 is usual');
}

/** Makes an operation of the matrix for a magnitude. */
function moved(
  matrixOf: (magnitude: number, height: number, width: number) => AffineMatrix,
): AugmentOperation['apply'] {
  return (pixels, shape, magnitude, interpolation) => {
    const matrix = matrixOf(magnitude, shape[0], shape[1]);
    if (interpolation === 'bilinear') transformBilinear(matrix, pixels, shape);
    else transformNearest(matrix, pixels, shape);
  };
}

/** `torch.linspace(from, to, count)[number]`: float32, multiplied and added in one step. */
function linspace(from: number, to: number, number: number, count: number): number {
  const last = Math.fround(to);
  const step = Math.fround(Math.fround(last - from) / (count - 1));
  return number < count >> 1
    ? Math.fround(from + step * number)
    : Math.fround(last - step * (count - 1 - number));
}

/** Rounds as PyTorch and Python do. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

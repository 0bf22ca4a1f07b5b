import { ensure } from '@kd/core';
import { type DecodedImage, type Interpolation, resample } from './resample.ts';

/** How an image of any size becomes a square: what a network was trained and evaluated on. */
export interface PixelRecipe {
  /** Name for people and caches. */
  readonly name: string;
  /** The part of the shorter side that stays after the center crop: 0 < crop ≤ 1. */
  readonly crop: number;
  readonly interpolation: Interpolation;
  /**
   * How the length of the longer side becomes a whole number: `Resize` of torchvision truncates,
   * timm's `ResizeKeepRatio` (its models of unequal sides) and sharp round.
   */
  readonly longSide: 'truncated' | 'rounded';
}

/**
 * Recipes by name. `torchvision`: `Resize(256)`, `CenterCrop(224)` of its reference scripts, of
 * the weights `IMAGENET1K_V1` and of most training code. `timm`: `create_transform` with the
 * defaults of `resolve_data_config`, which most of timm's models share.
 */
export const pixelRecipes = {
  torchvision: {
    name: 'torchvision',
    crop: 0.875,
    interpolation: 'bilinear',
    longSide: 'truncated',
  },
  timm: { name: 'timm', crop: 0.875, interpolation: 'bicubic', longSide: 'truncated' },
} as const satisfies Record<string, PixelRecipe>;

/** Everything that decides the pixels, for caches and records. */
export function describeRecipe(recipe: PixelRecipe, size: number): string {
  const { name, crop, interpolation, longSide } = recipe;
  return `${name}(size=${size},crop=${crop},interpolation=${interpolation},longSide=${longSide})`;
}

/**
 * Resizes an image and takes its center: Pillow's and torchvision's numbers to the last bit.
 *
 * The shorter side becomes ⌊size / crop⌋ pixels, the longer one follows in proportion, and the
 * central square of size × size is taken; where the center lies between two pixels, its edge is
 * rounded half to even.
 * @param size Side of the square, in pixels.
 * @returns uint8 [size, size, channels] flattened.
 */
export function preparePixels(
  image: DecodedImage,
  size: number,
  recipe: PixelRecipe,
): Uint8Array<ArrayBuffer> {
  const { height, width, top, left } = planCrop(image, size, recipe);
  return resample(image, {
    height,
    width,
    interpolation: recipe.interpolation,
    crop: { top, left, height: size, width: size },
  });
}

/** Size of an image after resizing, and where the crop begins. */
export interface CropPlan {
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
}

/** Computes the sizes of `preparePixels`, which are never smaller than the crop. */
export function planCrop(
  { height, width }: Pick<DecodedImage, 'height' | 'width'>,
  size: number,
  { crop, longSide }: Pick<PixelRecipe, 'crop' | 'longSide'>,
): CropPlan {
  ensure(Number.isInteger(size) && size >= 1, 'preparePixels', 'a size in whole pixels', size);
  ensure(crop > 0 && crop <= 1, 'preparePixels', '0 < crop ≤ 1', crop);
  const short = Math.min(height, width);
  // The millionth is for 224 / (224 / 232), which floating point leaves just under 232.
  const shortTo = Math.floor(size / crop + 1e-6);
  const long = Math.max(height, width);
  const longTo =
    longSide === 'truncated'
      ? Math.floor((shortTo * long) / short)
      : roundHalfToEven(long / (short / shortTo));
  const [newHeight, newWidth] = height < width ? [shortTo, longTo] : [longTo, shortTo];
  return {
    height: newHeight,
    width: newWidth,
    top: roundHalfToEven((newHeight - size) / 2),
    left: roundHalfToEven((newWidth - size) / 2),
  };
}

/** Rounds as Python does. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

import { ensure } from '@kd/core';
import { type CropBox, type Interpolation, resample } from '../pixels/resample.ts';
import {
  assertColors,
  assertRange,
  type Draw,
  drawBelow,
  drawBetween,
  drawMore,
  type PixelTransform,
  type Range,
} from './augmentation.ts';

/** Options of `randomResizedCrop`. */
export interface RandomResizedCropOptions {
  /** Least and greatest part of the image's area: [0.08, 1]; [0.35, 1] is milder. */
  readonly scale?: Range;
  /** Least and greatest width over height: [3/4, 4/3]. */
  readonly ratio?: Range;
  /** Of the resizing to the image's own size; bilinear, with antialias where the box shrinks. */
  readonly interpolation?: Interpolation;
}

/**
 * Cuts a box of random area and shape out of the image and resizes it to the image's size: the
 * `RandomResizedCrop` of torchvision on PIL images, its pixels to the last bit for the same box.
 * Szegedy et al., "Going deeper with convolutions", CVPR 2015.
 */
export function randomResizedCrop({
  scale = [0.08, 1],
  ratio = [3 / 4, 4 / 3],
  interpolation = 'bilinear',
}: RandomResizedCropOptions = {}): PixelTransform {
  const caller = 'randomResizedCrop';
  assertRange(caller, 'scale', scale, [0, 1]);
  ensure(scale[1] > 0, caller, 'a scale that is more than 0', scale);
  assertRange(caller, 'ratio', ratio, [1e-3, 1e3]);
  ensure(
    interpolation === 'bilinear' || interpolation === 'bicubic',
    caller,
    "interpolation 'bilinear' or 'bicubic'",
    interpolation,
  );
  return {
    spec:
      `${caller}(scale=${scale.join('..')},ratio=${ratio.join('..')},` +
      `interpolation=${interpolation})`,
    apply(pixels, shape, words) {
      const [height, width, channels] = shape;
      assertColors(caller, channels);
      const box = drawCropBox(height, width, { scale, ratio }, drawMore(words));
      resizeBox(pixels, shape, box, interpolation);
    },
  };
}

/**
 * Draws a box: an area and a shape that fit, in ten tries, or else the largest central box whose
 * shape is in range.
 */
export function drawCropBox(
  height: number,
  width: number,
  { scale, ratio }: { readonly scale: Range; readonly ratio: Range },
  draw: Draw,
): CropBox {
  const logRatio: Range = [Math.log(ratio[0]), Math.log(ratio[1])];
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * drawBetween(scale, draw);
    const aspect = Math.exp(drawBetween(logRatio, draw));
    const boxWidth = Math.round(Math.sqrt(area * aspect));
    const boxHeight = Math.round(Math.sqrt(area / aspect));
    if (boxWidth > 0 && boxWidth <= width && boxHeight > 0 && boxHeight <= height) {
      return {
        top: drawBelow(height - boxHeight + 1, draw),
        left: drawBelow(width - boxWidth + 1, draw),
        height: boxHeight,
        width: boxWidth,
      };
    }
  }
  return centralBox(height, width, ratio);
}

function centralBox(height: number, width: number, ratio: Range): CropBox {
  const whole = width / height;
  const boxWidth = whole > ratio[1] ? Math.max(1, Math.round(height * ratio[1])) : width;
  const boxHeight = whole < ratio[0] ? Math.max(1, Math.round(width / ratio[0])) : height;
  return {
    top: (height - boxHeight) >> 1,
    left: (width - boxWidth) >> 1,
    height: boxHeight,
    width: boxWidth,
  };
}

/** Replaces an image by a box of it, in the image's own size. */
export function resizeBox(
  pixels: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
  box: CropBox,
  interpolation: Interpolation,
): void {
  if (box.height === height && box.width === width) return;
  const stride = box.width * channels;
  const cut = new Uint8Array(box.height * stride);
  for (let row = 0; row < box.height; row++) {
    const from = ((box.top + row) * width + box.left) * channels;
    cut.set(pixels.subarray(from, from + stride), row * stride);
  }
  const image = {
    pixels: cut,
    height: box.height,
    width: box.width,
    channels: channels as 1 | 3,
  };
  pixels.set(resample(image, { height, width, interpolation }));
}

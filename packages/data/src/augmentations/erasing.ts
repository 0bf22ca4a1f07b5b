import { ensure } from '@kd/core';
import type { CropBox } from '../pixels/resample.ts';
import {
  assertProbability,
  assertRange,
  type Draw,
  drawBelow,
  drawBetween,
  drawMore,
  type GeometricTransform,
  type PixelTransform,
  type Range,
} from './augmentation.ts';

/**
 * Blackens a square whose center is drawn uniformly over the image; what lies outside is cut off.
 * DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017
 * (they fill after normalizing; this is black before it).
 * @param options.size Side of the square in pixels, ≥ 1.
 */
export function cutout({ size }: { readonly size: number }): GeometricTransform {
  ensure(
    Number.isInteger(size) && size >= 1,
    'cutout',
    'size to be a whole number ≥ 1',
    size,
    '8 is usual for 32×32 with flips and crops, 16 without',
  );
  return {
    spec: `cutout(size=${size})`,
    remap(source, target, [height, width], [wordDown, wordRight]) {
      const top = Math.floor((wordDown / 2 ** 32) * height) - (size >> 1);
      const left = Math.floor((wordRight / 2 ** 32) * width) - (size >> 1);
      target.set(source);
      for (let row = Math.max(top, 0); row < Math.min(top + size, height); row++) {
        target.fill(
          -1,
          row * width + Math.max(left, 0),
          row * width + Math.min(left + size, width),
        );
      }
    },
  };
}

/** Options of `randomErasing`. */
export interface RandomErasingOptions {
  /** 0–1; 0.5. */
  readonly probability?: number;
  /** Least and greatest part of the image's area: [0.02, 0.33]. */
  readonly scale?: Range;
  /** Least and greatest height over width: [0.3, 3.3]. */
  readonly ratio?: Range;
  /** What is written: one number 0–255, one for each channel, or `random` bytes; 0. */
  readonly value?: number | readonly number[] | 'random';
}

/**
 * Fills a rectangle of random area and shape: torchvision's `RandomErasing`, on bytes.
 * Zhong et al., "Random erasing data augmentation", AAAI 2020 (they fill after normalizing;
 * `random`
 * there is a normal distribution, here a uniform one).
 */
export function randomErasing({
  probability = 0.5,
  scale = [0.02, 0.33],
  ratio = [0.3, 3.3],
  value = 0,
}: RandomErasingOptions = {}): PixelTransform {
  const caller = 'randomErasing';
  assertProbability(caller, probability);
  assertRange(caller, 'scale', scale, [0, 1]);
  assertRange(caller, 'ratio', ratio, [1e-3, 1e3]);
  const values = value === 'random' ? [] : typeof value === 'number' ? [value] : value;
  const isBytes = values.every((each) => Number.isInteger(each) && each >= 0 && each <= 255);
  ensure(
    isBytes && (value === 'random' || values.length > 0),
    caller,
    "a value of whole numbers 0–255, or 'random'",
    value,
  );
  const written = value === 'random' ? value : values.join('/');
  return {
    spec:
      `${caller}(probability=${probability},scale=${scale.join('..')},` +
      `ratio=${ratio.join('..')},value=${written})`,
    apply(pixels, [height, width, channels], words) {
      ensure(
        values.length <= 1 || values.length === channels,
        caller,
        `one value or ${channels}, one for each channel`,
        values,
      );
      const draw = drawMore(words);
      if (draw() >= probability) return;
      const box = drawErasedBox(height, width, { scale, ratio }, draw);
      if (box === undefined) return;
      for (let row = box.top; row < box.top + box.height; row++) {
        const from = (row * width + box.left) * channels;
        for (let at = from; at < from + box.width * channels; at++) {
          const channel = values.length === 1 ? 0 : at % channels;
          pixels[at] = value === 'random' ? drawBelow(256, draw) : (values[channel] as number);
        }
      }
    },
  };
}

/** Draws a rectangle smaller than the image; undefined if none is found in ten tries. */
export function drawErasedBox(
  height: number,
  width: number,
  { scale, ratio }: { readonly scale: Range; readonly ratio: Range },
  draw: Draw,
): CropBox | undefined {
  const logRatio: Range = [Math.log(ratio[0]), Math.log(ratio[1])];
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * drawBetween(scale, draw);
    const aspect = Math.exp(drawBetween(logRatio, draw));
    const boxHeight = Math.round(Math.sqrt(area * aspect));
    const boxWidth = Math.round(Math.sqrt(area / aspect));
    if (boxHeight < height && boxWidth < width) {
      return {
        top: drawBelow(height - boxHeight + 1, draw),
        left: drawBelow(width - boxWidth + 1, draw),
        height: boxHeight,
        width: boxWidth,
      };
    }
  }
  return undefined;
}

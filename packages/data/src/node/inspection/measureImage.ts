import { createHash } from 'node:crypto';
import { resample } from '../../pixels/resample.ts';
import type { Thumbnail } from './imageInspection.ts';

/** Pixels of any number of channels, uint8 [height, width, channels] flattened. */
export interface AnyPixels {
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Numbers of one image. */
export interface Measured {
  /** [channels], 0–255: mean of the pixels, and of their squares. */
  readonly means: readonly number[];
  readonly squares: readonly number[];
  /** Equal where height, width, channels and all pixels are. */
  readonly digest: string;
}

/** Computes means by exact sums of whole numbers, and a hash. */
export function measureImage(image: AnyPixels): Measured {
  const { pixels, height, width, channels } = image;
  const { sums, squares } = channels === 3 ? addThree(pixels) : addAny(pixels, channels);
  const positions = height * width;
  const hash = createHash('sha256').update(`${height} ${width} ${channels} `).update(pixels);
  return {
    means: sums.map((sum) => sum / positions),
    squares: squares.map((sum) => sum / positions),
    digest: hash.digest('base64').slice(0, 24),
  };
}

/** Sums stay below 2⁵³: 2²⁷ pixels have squares of 2⁴³ at most. */
function addThree(pixels: Uint8Array) {
  let [red, green, blue, redSquares, greenSquares, blueSquares] = [0, 0, 0, 0, 0, 0];
  for (let at = 0; at < pixels.length; at += 3) {
    const r = pixels[at] as number;
    const g = pixels[at + 1] as number;
    const b = pixels[at + 2] as number;
    red += r;
    green += g;
    blue += b;
    redSquares += r * r;
    greenSquares += g * g;
    blueSquares += b * b;
  }
  return { sums: [red, green, blue], squares: [redSquares, greenSquares, blueSquares] };
}

function addAny(pixels: Uint8Array, channels: number) {
  const sums = new Array<number>(channels).fill(0);
  const squares = new Array<number>(channels).fill(0);
  for (let at = 0; at < pixels.length; at++) {
    const value = pixels[at] as number;
    const channel = at % channels;
    sums[channel] = (sums[channel] as number) + value;
    squares[channel] = (squares[channel] as number) + value * value;
  }
  return { sums, squares };
}

/** Whether an image has one color, up to the noise of a JPEG. */
export function isUniform({ means, squares }: Measured): boolean {
  return means.every((mean, channel) => (squares[channel] as number) - mean * mean < 1);
}

/**
 * Makes a picture for people: larger images are resized, smaller ones stay as they are. Of images
 * with more than three channels the first three are shown, of two the first.
 * @param side Longest side in pixels.
 */
export function makeThumbnail(image: AnyPixels, side: number): Thumbnail {
  const channels = image.channels >= 3 ? 3 : 1;
  const { height, width } = image;
  const pixels = takeChannels(image, channels);
  const longest = Math.max(height, width);
  if (longest <= side) return { pixels, shape: [height, width, channels] };
  const scaled = (length: number) => Math.max(1, Math.round((length * side) / longest));
  const size = { height: scaled(height), width: scaled(width), interpolation: 'bilinear' } as const;
  const small = resample({ pixels, height, width, channels }, size);
  return { pixels: small, shape: [size.height, size.width, channels] };
}

function takeChannels(
  { pixels, height, width, channels: from }: AnyPixels,
  channels: 1 | 3,
): Uint8Array<ArrayBuffer> {
  if (from === channels) return pixels.slice();
  const taken = new Uint8Array(height * width * channels);
  for (let position = 0; position < height * width; position++)
    for (let channel = 0; channel < channels; channel++)
      taken[position * channels + channel] = pixels[position * from + channel] as number;
  return taken;
}

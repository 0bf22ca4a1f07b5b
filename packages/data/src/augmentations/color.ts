import type { Range } from './augmentation.ts';

/**
 * Functions of color as torchvision computes them on PIL images, to the last bit. All change the
 * pixels in place and take uint8 [positions × channels] with 1 or 3 channels.
 */

/** Returns the luminance of a color, 0–255, by 0.299, 0.587 and 0.114: PIL's mode `L`. */
function luminance(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

/** factor · gap in float32 for each gap of two bytes, −255 … 255. */
export function scaleGaps(factor: number): Float32Array {
  const alpha = Math.fround(factor);
  const scaled = new Float32Array(511);
  for (let gap = -255; gap <= 255; gap++) scaled[gap + 255] = alpha * gap;
  return scaled;
}

/**
 * from + factor · (to − from) in float32, cut to 0–255: PIL's `Image.blend`.
 * @param scaled Of `scaleGaps`.
 */
export function blend(from: number, to: number, scaled: Float32Array): number {
  return toByte(from + (scaled[to - from + 255] as number));
}

/** Cuts a sum that is rounded to float32 to a whole number 0–255. */
function toByte(sum: number): number {
  const value = Math.fround(sum);
  return value <= 0 ? 0 : value >= 255 ? 255 : value | 0;
}

/** Replaces each byte by what a function gives for it. */
export function mapBytes(pixels: Uint8Array, map: (value: number) => number): void {
  const table = new Uint8Array(256);
  for (let value = 0; value < 256; value++) table[value] = map(value);
  const { length } = pixels;
  for (let at = 0; at < length; at++) pixels[at] = table[pixels[at] as number] as number;
}

/** Darkens or brightens. @param factor ≥ 0; 0: black, 1: unchanged. */
export function adjustBrightness(pixels: Uint8Array, factor: number): void {
  const scaled = scaleGaps(factor);
  mapBytes(pixels, (value) => blend(0, value, scaled));
}

/** Moves from the mean luminance or towards it. @param factor ≥ 0; 0: gray, 1: unchanged. */
export function adjustContrast(pixels: Uint8Array, channels: number, factor: number): void {
  const mean = meanLuminance(pixels, channels);
  const scaled = scaleGaps(factor);
  mapBytes(pixels, (value) => blend(mean, value, scaled));
}

function meanLuminance(pixels: Uint8Array, channels: number): number {
  const { length } = pixels;
  let sum = 0;
  if (channels === 3) {
    for (let at = 0; at < length; at += 3) {
      const red = pixels[at] as number;
      sum += luminance(red, pixels[at + 1] as number, pixels[at + 2] as number);
    }
  } else {
    for (let at = 0; at < length; at++) sum += pixels[at] as number;
  }
  return Math.floor(sum / (length / channels) + 0.5);
}

/** Moves from the own luminance or towards it. @param factor ≥ 0; 0: gray, 1: unchanged. */
export function adjustSaturation(pixels: Uint8Array, channels: number, factor: number): void {
  if (channels !== 3) return;
  const scaled = scaleGaps(factor);
  const { length } = pixels;
  for (let at = 0; at < length; at += 3) {
    const red = pixels[at] as number;
    const green = pixels[at + 1] as number;
    const blue = pixels[at + 2] as number;
    const gray = luminance(red, green, blue);
    pixels[at] = blend(gray, red, scaled);
    pixels[at + 1] = blend(gray, green, scaled);
    pixels[at + 2] = blend(gray, blue, scaled);
  }
}

/** Replaces colors by their luminance. */
export function toGrayscale(pixels: Uint8Array, channels: number): void {
  adjustSaturation(pixels, channels, 0);
}

/** The hues that a turn may have, in whole circles. */
export const hueRange: Range = [-0.5, 0.5];

/** Turns the hue. @param turn In whole circles, −0.5 … 0.5; 0: unchanged up to rounding. */
export function adjustHue(pixels: Uint8Array, channels: number, turn: number): void {
  if (channels !== 3) return;
  const added = Math.trunc(turn * 255) & 255;
  const { length } = pixels;
  for (let at = 0; at < length; at += 3) {
    const red = pixels[at] as number;
    const green = pixels[at + 1] as number;
    const blue = pixels[at + 2] as number;
    const value = Math.max(red, green, blue);
    const range = value - Math.min(red, green, blue);
    if (range === 0) continue;
    const saturation = Math.trunc(Math.fround(range / value) * 255);
    const hue = (hueOf(red, green, blue, value, range) + added) & 255;
    paintHue(pixels, at, hue, saturation, value);
  }
}

/** Returns the hue of a color, 0–255, in PIL's steps of float32 and float64. */
function hueOf(red: number, green: number, blue: number, value: number, range: number): number {
  const redGap = Math.fround((value - red) / range);
  const greenGap = Math.fround((value - green) / range);
  const blueGap = Math.fround((value - blue) / range);
  let sixth = 4 + greenGap - redGap;
  if (red === value) sixth = blueGap - greenGap;
  else if (green === value) sixth = 2 + redGap - blueGap;
  const circle = Math.fround(sixth) / 6 + 1;
  return Math.trunc(Math.fround(circle - Math.floor(circle)) * 255);
}

/** Of each hue 0–255 the sixth of the circle, and how far into it. */
const sixths = Uint8Array.from({ length: 256 }, (_, hue) => (hue * 6) / 255);
const within = Float32Array.from({ length: 256 }, (_, hue) => ((hue * 6) / 255) % 1);

/** Writes the color of a hue, a saturation and a value, each 0–255. */
function paintHue(
  pixels: Uint8Array,
  at: number,
  hue: number,
  saturation: number,
  value: number,
): void {
  const pure = Math.fround(saturation / 255);
  const part = within[hue] as number;
  const low = Math.floor(value * (1 - pure) + 0.5);
  const falling = Math.floor(value * (1 - Math.fround(pure * part)) + 0.5);
  const rising = Math.floor(value * (1 - pure * (1 - part)) + 0.5);
  switch ((sixths[hue] as number) % 6) {
    case 0:
      paint(pixels, at, value, rising, low);
      break;
    case 1:
      paint(pixels, at, falling, value, low);
      break;
    case 2:
      paint(pixels, at, low, value, rising);
      break;
    case 3:
      paint(pixels, at, low, falling, value);
      break;
    case 4:
      paint(pixels, at, rising, low, value);
      break;
    default:
      paint(pixels, at, value, low, falling);
  }
}

function paint(pixels: Uint8Array, at: number, red: number, green: number, blue: number): void {
  pixels[at] = red;
  pixels[at + 1] = green;
  pixels[at + 2] = blue;
}

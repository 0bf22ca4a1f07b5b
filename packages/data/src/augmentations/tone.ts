import { blend, mapBytes } from './color.ts';

/**
 * Functions of tone as torchvision computes them on PIL images, to the last bit. All change the
 * pixels in place and take uint8 [positions × channels].
 */

/** Stretches each channel so that its darkest value is 0 and its brightest 255. */
export function autocontrast(pixels: Uint8Array, channels: number): void {
  mapChannels(pixels, channels, (histogram) => {
    const low = histogram.findIndex((count) => count > 0);
    const high = highestOf(histogram);
    if (high <= low) return undefined;
    const scale = 255 / (high - low);
    const offset = -low * scale;
    return (value) => Math.min(Math.max(Math.trunc(value * scale + offset), 0), 255);
  });
}

/** Spreads the values of each channel so that all are about equally frequent. */
export function equalize(pixels: Uint8Array, channels: number): void {
  mapChannels(pixels, channels, (histogram) => {
    const high = highestOf(histogram);
    const total = pixels.length / channels;
    const step = Math.floor((total - (histogram[high] as number)) / 255);
    if (step === 0) return undefined;
    let sum = step >> 1;
    const table = Array.from(histogram, (count) => {
      const value = Math.min(Math.floor(sum / step), 255);
      sum += count;
      return value;
    });
    return (value) => table[value] as number;
  });
}

/** Keeps the upper bits. @param bits 0–8. */
export function posterize(pixels: Uint8Array, bits: number): void {
  const mask = 256 - 2 ** (8 - bits);
  mapBytes(pixels, (value) => value & mask);
}

/** Inverts all values from a threshold on. @param threshold 0–256. */
export function solarize(pixels: Uint8Array, threshold: number): void {
  mapBytes(pixels, (value) => (value < threshold ? value : 255 - value));
}

/**
 * Moves from the smoothed image or towards it; the outermost pixels stay.
 * @param factor ≥ 0; 0: smoothed, 1: unchanged, 2: sharpened.
 */
export function adjustSharpness(
  pixels: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
  factor: number,
): void {
  const alpha = Math.fround(factor);
  const old = pixels.slice();
  const stride = width * channels;
  for (let row = 1; row < height - 1; row++) {
    const end = (row + 1) * stride - channels;
    for (let at = row * stride + channels; at < end; at++) {
      const own = old[at] as number;
      const around =
        rowSum(old, at - stride, channels) +
        rowSum(old, at, channels) +
        rowSum(old, at + stride, channels);
      const smooth = Math.floor((2 * (around + 4 * own) + 13) / 26);
      pixels[at] = blend(smooth, own, alpha);
    }
  }
}

function rowSum(pixels: Uint8Array, at: number, channels: number): number {
  const [left, right] = [pixels[at - channels] as number, pixels[at + channels] as number];
  return left + (pixels[at] as number) + right;
}

/** Returns the greatest value that occurs. */
function highestOf(histogram: Uint32Array): number {
  let value = 255;
  while (value > 0 && histogram[value] === 0) value--;
  return value;
}

/** Maps each channel by a function of its histogram [256]; undefined leaves it as it is. */
function mapChannels(
  pixels: Uint8Array,
  channels: number,
  mapOf: (histogram: Uint32Array) => ((value: number) => number) | undefined,
): void {
  for (let channel = 0; channel < channels; channel++) {
    const histogram = new Uint32Array(256);
    for (let at = channel; at < pixels.length; at += channels)
      histogram[pixels[at] as number] = (histogram[pixels[at] as number] as number) + 1;
    const map = mapOf(histogram);
    if (map === undefined) continue;
    const table = Uint8Array.from({ length: 256 }, (_, value) => map(value));
    for (let at = channel; at < pixels.length; at += channels)
      pixels[at] = table[pixels[at] as number] as number;
  }
}

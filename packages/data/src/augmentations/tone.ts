import { blend, mapBytes, scaleGaps } from './color.ts';

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
  const scaled = scaleGaps(factor);
  const old = pixels.slice();
  const stride = width * channels;
  const columns = new Int32Array(stride);
  for (let row = 1; row < height - 1; row++) {
    const first = row * stride;
    for (let at = 0; at < stride; at++) {
      const here = first + at;
      const above = old[here - stride] as number;
      columns[at] = above + (old[here] as number) + (old[here + stride] as number);
    }
    for (let at = channels; at < stride - channels; at++) {
      const own = old[first + at] as number;
      const sides = (columns[at - channels] as number) + (columns[at + channels] as number);
      const sum = sides + (columns[at] as number) + 4 * own;
      const smooth = ((2 * sum + 13) / 26) | 0;
      pixels[first + at] = blend(smooth, own, scaled);
    }
  }
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
  const { length } = pixels;
  for (let channel = 0; channel < channels; channel++) {
    const histogram = new Uint32Array(256);
    for (let at = channel; at < length; at += channels) {
      const value = pixels[at] as number;
      histogram[value] = (histogram[value] as number) + 1;
    }
    const map = mapOf(histogram);
    if (map === undefined) continue;
    const table = new Uint8Array(256);
    for (let value = 0; value < 256; value++) table[value] = map(value);
    for (let at = channel; at < length; at += channels)
      pixels[at] = table[pixels[at] as number] as number;
  }
}

import { expectedError } from '@kd/core';

/** An image in memory. */
export interface DecodedImage {
  /** uint8 [height, width, channels] flattened. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
}

/** Interpolation between the two or the four nearest pixels along each side. */
export type Interpolation = 'bilinear' | 'bicubic';

/** The part of a resized image that is wanted, in pixels of the resized image. */
export interface CropBox {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

export interface ResampleOptions {
  /** Size of the whole image after resizing. */
  readonly height: number;
  readonly width: number;
  readonly interpolation: Interpolation;
  /** Only these pixels are computed; all by default. */
  readonly crop?: CropBox;
}

/**
 * Resizes an image as Pillow's `Image.resize` does, to the last bit, and crops it.
 *
 * Columns first, then rows, with whole numbers 0–255 between. A new pixel is Σⱼ weight(i, j) · old
 * pixel j with weights of 22 bits behind the point; an image that shrinks is a weighted mean of all
 * the pixels that a new one replaces. A side whose length stays is copied.
 * @returns uint8 [crop height, crop width, channels] flattened.
 * Source: Pillow 13, `libImaging/Resample.c`.
 */
export function resample(
  { pixels, height, width, channels }: DecodedImage,
  { height: newHeight, width: newWidth, interpolation, crop }: ResampleOptions,
): Uint8Array<ArrayBuffer> {
  const box = crop ?? { top: 0, left: 0, height: newHeight, width: newWidth };
  const columns = tapsOf(width, newWidth, box.left, box.width, interpolation);
  const rows = tapsOf(height, newHeight, box.top, box.height, interpolation);
  const rowBytes = box.width * channels;
  const { firstPixel, lastPixel } = rows;
  const narrow = new Uint8Array((lastPixel - firstPixel) * rowBytes);
  const across = channels === 3 ? resampleColumns3 : resampleColumns1;
  across(pixels, width, firstPixel, lastPixel, columns, narrow);
  const result = new Uint8Array(box.height * rowBytes);
  resampleRows(narrow, rowBytes, rows, result);
  return result;
}

/** Weights of old pixels in a range of new ones along one side. */
interface Taps {
  /** Most old pixels for a new one: the length of a row of `weights`. */
  readonly most: number;
  /** Of each new pixel, its first old pixel and their number. */
  readonly first: Int32Array;
  readonly counts: Int32Array;
  /** [new pixels, most], times 2²². */
  readonly weights: Int32Array;
  /** The old pixels that are needed at all. */
  readonly firstPixel: number;
  readonly lastPixel: number;
}

/** Bits of a weight behind the point. */
const precision = 22;
const half = 1 << (precision - 1);

/** Photographs of a camera have few sizes; the tables of the last ones are kept. */
const tables = new Map<string, Taps>();
const mostTables = 64;

function tapsOf(
  from: number,
  to: number,
  start: number,
  count: number,
  interpolation: Interpolation,
): Taps {
  const key = `${from} ${to} ${start} ${count} ${interpolation}`;
  let taps = tables.get(key);
  if (taps === undefined) {
    taps = computeTaps(from, to, start, count, interpolation);
    if (tables.size >= mostTables) tables.delete(tables.keys().next().value as string);
    tables.set(key, taps);
  }
  return taps;
}

function computeTaps(
  from: number,
  to: number,
  start: number,
  count: number,
  interpolation: Interpolation,
): Taps {
  const { radius, weigh } = kernelOf(interpolation);
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = radius * stretch;
  const most = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(count);
  const counts = new Int32Array(count);
  const weights = new Int32Array(count * most);
  const raw = new Float64Array(most);
  const perPixel = 1 / stretch;
  let firstPixel = from;
  let lastPixel = 0;
  for (let at = 0; at < count; at++) {
    const center = (start + at + 0.5) * scale;
    const begin = Math.max(Math.trunc(center - support + 0.5), 0);
    const taps = Math.min(Math.trunc(center + support + 0.5), from) - begin;
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const weight = weigh((tap + begin - center + 0.5) * perPixel);
      raw[tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < taps; tap++) {
      const weight = (raw[tap] as number) / (sum === 0 ? 1 : sum);
      weights[at * most + tap] = Math.trunc(weight * 2 ** precision + (weight < 0 ? -0.5 : 0.5));
    }
    first[at] = begin;
    counts[at] = taps;
    firstPixel = Math.min(firstPixel, begin);
    lastPixel = Math.max(lastPixel, begin + taps);
  }
  return { most, first, counts, weights, firstPixel, lastPixel };
}

/** Weight of a pixel by its distance in pixels, 0 beyond the radius. */
interface Kernel {
  readonly radius: number;
  weigh(distance: number): number;
}

function kernelOf(interpolation: Interpolation): Kernel {
  switch (interpolation) {
    case 'bilinear':
      return { radius: 1, weigh: triangle };
    case 'bicubic':
      return { radius: 2, weigh: cubic };
    default:
      interpolation satisfies never;
      throw expectedError('resample', 'interpolation bilinear or bicubic', interpolation);
  }
}

function triangle(distance: number): number {
  const x = Math.abs(distance);
  return x < 1 ? 1 - x : 0;
}

/** Keys's cubic with a = −½, in Pillow's order of operations. */
function cubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

type Across = (
  pixels: Uint8Array,
  width: number,
  firstRow: number,
  lastRow: number,
  taps: Taps,
  result: Uint8Array<ArrayBuffer>,
) => void;

const resampleColumns3: Across = (pixels, width, firstRow, lastRow, taps, result) => {
  const { first, counts, weights, most } = taps;
  const clamped = new Uint8ClampedArray(result.buffer);
  const columns = first.length;
  let to = 0;
  for (let row = firstRow; row < lastRow; row++) {
    const begin = row * width;
    for (let column = 0; column < columns; column++) {
      let at = (begin + (first[column] as number)) * 3;
      let tap = column * most;
      const end = tap + (counts[column] as number);
      let red = half;
      let green = half;
      let blue = half;
      for (; tap < end; tap++) {
        const weight = weights[tap] as number;
        red = (red + Math.imul(pixels[at] as number, weight)) | 0;
        green = (green + Math.imul(pixels[at + 1] as number, weight)) | 0;
        blue = (blue + Math.imul(pixels[at + 2] as number, weight)) | 0;
        at += 3;
      }
      clamped[to] = red >> precision;
      clamped[to + 1] = green >> precision;
      clamped[to + 2] = blue >> precision;
      to += 3;
    }
  }
};

const resampleColumns1: Across = (pixels, width, firstRow, lastRow, taps, result) => {
  const { first, counts, weights, most } = taps;
  const clamped = new Uint8ClampedArray(result.buffer);
  const columns = first.length;
  let to = 0;
  for (let row = firstRow; row < lastRow; row++) {
    const begin = row * width;
    for (let column = 0; column < columns; column++) {
      let at = begin + (first[column] as number);
      let tap = column * most;
      const end = tap + (counts[column] as number);
      let sum = half;
      for (; tap < end; tap++)
        sum = (sum + Math.imul(pixels[at++] as number, weights[tap] as number)) | 0;
      clamped[to++] = sum >> precision;
    }
  }
};

/** @param pixels From row `taps.firstPixel` on. */
function resampleRows(
  pixels: Uint8Array,
  rowBytes: number,
  { first, counts, weights, most, firstPixel }: Taps,
  result: Uint8Array<ArrayBuffer>,
): void {
  const sums = new Int32Array(rowBytes);
  const clamped = new Uint8ClampedArray(result.buffer);
  for (let row = 0; row < first.length; row++) {
    sums.fill(half);
    const begin = (first[row] as number) - firstPixel;
    const count = counts[row] as number;
    for (let tap = 0; tap < count; tap++) {
      const weight = weights[row * most + tap] as number;
      const from = (begin + tap) * rowBytes;
      for (let at = 0; at < rowBytes; at++)
        sums[at] = ((sums[at] as number) + Math.imul(pixels[from + at] as number, weight)) | 0;
    }
    const to = row * rowBytes;
    for (let at = 0; at < rowBytes; at++) clamped[to + at] = (sums[at] as number) >> precision;
  }
}

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
 * A new pixel is Σⱼ weight(i, j) · old pixel j along one side and then along the other, with
 * weights of 22 bits behind the point and whole numbers 0–255 between; an image that shrinks is a
 * weighted mean of all the pixels that a new one replaces. A side whose length stays is copied.
 * Columns go first, or rows where the height shrinks by more than twice as many pixels as the
 * width: so since Pillow 13, and a few pixels of tall images differ by 1 from those of Pillow 12.
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
  const result = new Uint8Array(box.height * box.width * channels);
  const resampleColumns = channels === 3 ? resampleColumns3 : resampleColumns1;
  const lost = height - newHeight;
  const isRowsFirst = lost > 0 && lost > 2 * (width - newWidth);
  if (isRowsFirst) {
    const { firstPixel, lastPixel } = columns;
    const kept = lastPixel - firstPixel;
    const low = new Uint8Array(box.height * kept * channels);
    resampleRows(pixels, { offset: firstPixel * channels, stride: width * channels }, rows, low);
    const offset = -firstPixel * channels;
    resampleColumns(low, { offset, stride: kept * channels }, columns, result);
  } else {
    const { firstPixel, lastPixel } = rows;
    const stride = box.width * channels;
    const narrow = new Uint8Array((lastPixel - firstPixel) * stride);
    const offset = firstPixel * width * channels;
    resampleColumns(pixels, { offset, stride: width * channels }, columns, narrow);
    resampleRows(narrow, { offset: -firstPixel * stride, stride }, rows, result);
  }
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

/** Where the old pixels lie, in bytes. */
interface Layout {
  /** Position of column 0 of the first row that is read, or of row 0. */
  readonly offset: number;
  readonly stride: number;
}

/** Resamples along the width as many rows as fit into `result`. */
type ResampleColumns = (
  pixels: Uint8Array,
  layout: Layout,
  taps: Taps,
  result: Uint8Array<ArrayBuffer>,
) => void;

const resampleColumns3: ResampleColumns = (pixels, { offset, stride }, taps, result) => {
  const { first, counts, weights, most } = taps;
  const clamped = new Uint8ClampedArray(result.buffer);
  const columns = first.length;
  for (let to = 0, row = offset; to < result.length; row += stride) {
    for (let column = 0; column < columns; column++) {
      let at = row + (first[column] as number) * 3;
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

const resampleColumns1: ResampleColumns = (pixels, { offset, stride }, taps, result) => {
  const { first, counts, weights, most } = taps;
  const clamped = new Uint8ClampedArray(result.buffer);
  const columns = first.length;
  for (let to = 0, row = offset; to < result.length; row += stride) {
    for (let column = 0; column < columns; column++) {
      let at = row + (first[column] as number);
      let tap = column * most;
      const end = tap + (counts[column] as number);
      let sum = half;
      for (; tap < end; tap++)
        sum = (sum + Math.imul(pixels[at++] as number, weights[tap] as number)) | 0;
      clamped[to++] = sum >> precision;
    }
  }
};

/**
 * Resamples along the height. Old rows are added four at a time, and the last four go straight into
 * the new row: one pass for images that shrink by less than a half.
 */
function resampleRows(
  pixels: Uint8Array,
  { offset, stride }: Layout,
  { first, counts, weights, most }: Taps,
  result: Uint8Array<ArrayBuffer>,
): void {
  const clamped = new Uint8ClampedArray(result.buffer);
  const rowBytes = result.length / first.length;
  const sums = new Int32Array(rowBytes);
  const four = new Int32Array(8);
  for (let row = 0; row < first.length; row++) {
    const count = counts[row] as number;
    const begin = offset + (first[row] as number) * stride;
    sums.fill(half);
    for (let tap = 0; tap < count; tap += 4) {
      for (let each = 0; each < 4; each++) {
        const isThere = tap + each < count;
        four[each] = isThere ? (weights[row * most + tap + each] as number) : 0;
        four[4 + each] = begin + (isThere ? tap + each : tap) * stride;
      }
      if (tap + 4 < count) addFour(pixels, four, sums);
      else finishFour(pixels, four, sums, clamped, row * rowBytes);
    }
  }
}

/** Adds four old rows. @param four Their weights and positions. */
function addFour(pixels: Uint8Array, four: Int32Array, sums: Int32Array): void {
  const [w0, w1, w2, w3, p0, p1, p2, p3] = four as unknown as Octet;
  for (let at = 0; at < sums.length; at++)
    sums[at] =
      ((sums[at] as number) +
        Math.imul(pixels[p0 + at] as number, w0) +
        Math.imul(pixels[p1 + at] as number, w1) +
        Math.imul(pixels[p2 + at] as number, w2) +
        Math.imul(pixels[p3 + at] as number, w3)) |
      0;
}

/** Adds four old rows and writes the new one. */
function finishFour(
  pixels: Uint8Array,
  four: Int32Array,
  sums: Int32Array,
  result: Uint8ClampedArray,
  to: number,
): void {
  const [w0, w1, w2, w3, p0, p1, p2, p3] = four as unknown as Octet;
  for (let at = 0; at < sums.length; at++)
    result[to + at] =
      ((sums[at] as number) +
        Math.imul(pixels[p0 + at] as number, w0) +
        Math.imul(pixels[p1 + at] as number, w1) +
        Math.imul(pixels[p2 + at] as number, w2) +
        Math.imul(pixels[p3 + at] as number, w3)) >>
      precision;
}

type Octet = [number, number, number, number, number, number, number, number];

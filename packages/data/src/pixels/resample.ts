import { ensure, expectedError } from '@kd/core';
import {
  createResampleKernel,
  freeMemory,
  type KernelMemory,
  type ResampleKernel,
} from './resampleKernel.ts';

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
 * @throws RangeError where sizes are no whole numbers ≥ 1, pixels are missing, or the crop is not
 *   inside.
 * Source: Pillow 13, `libImaging/Resample.c`.
 */
export function resample(
  image: DecodedImage,
  { height, width, interpolation, crop }: ResampleOptions,
): Uint8Array<ArrayBuffer> {
  const box = crop ?? { top: 0, left: 0, height, width };
  checkSizes(image, height, width, box);
  const columns = tapsOf(image.width, width, box.left, box.width, interpolation);
  const rows = tapsOf(image.height, height, box.top, box.height, interpolation);
  const kernel = takeKernel();
  const { channels, pixels } = image;
  const resampleColumns = channels === 3 ? kernel.columns3 : kernel.columns1;
  const stride = image.width * channels;
  const needed = rows.lastPixel - rows.firstPixel;
  const lost = image.height - height;
  const isRowsFirst = lost > 0 && lost > 2 * (image.width - width);
  const betweenBytes = isRowsFirst ? box.height * stride : needed * box.width * channels;
  const resultBytes = box.height * box.width * channels;

  const [columnTable, rowTable, source, between, result, end] = layOut([
    bytesOf(columns),
    bytesOf(rows),
    needed * stride,
    betweenBytes,
    resultBytes,
  ]) as [number, number, number, number, number, number];
  const memory = growTo(kernel.memory, end);
  const begin = rows.firstPixel * stride;
  memory.set(pixels.subarray(begin, begin + needed * stride), source);
  const alongWidth = store(columns, memory, columnTable);
  const alongHeight = store(rows, memory, rowTable);
  const left = columns.firstPixel * channels;
  if (isRowsFirst) {
    kernel.rows(source, stride, box.height, ...alongHeight, stride, between);
    resampleColumns(between + left, stride, box.height, ...alongWidth, box.width, result);
  } else {
    resampleColumns(source + left, stride, needed, ...alongWidth, box.width, between);
    const narrow = box.width * channels;
    kernel.rows(between, narrow, box.height, ...alongHeight, narrow, result);
  }
  const copy = memory.slice(result, result + resultBytes);
  if (end <= mostMemory) kernels.push(kernel);
  return copy;
}

function checkSizes(image: DecodedImage, height: number, width: number, box: CropBox): void {
  const { pixels, channels } = image;
  const sizes = [image.height, image.width, height, width, box.height, box.width];
  ensure(
    sizes.every((size) => Number.isInteger(size) && size >= 1) &&
      (channels === 1 || channels === 3),
    'resample',
    'sizes in whole pixels, and 1 or 3 channels',
    [...sizes, channels],
  );
  const bytes = image.height * image.width * channels;
  ensure(pixels.length === bytes, 'resample', `${bytes} bytes of pixels`, pixels.length);
  const { top, left } = box;
  const isInside =
    Number.isInteger(top) &&
    top >= 0 &&
    top + box.height <= height &&
    Number.isInteger(left) &&
    left >= 0 &&
    left + box.width <= width;
  ensure(isInside, 'resample', `a crop inside ${height} × ${width}`, box);
}

/** Kernels that are not in use: one in each thread. */
const kernels: ResampleKernel[] = [];
/** The memory of a kernel never shrinks: one with more is not used again. */
const mostMemory = 2 ** 26;

function takeKernel(): ResampleKernel {
  return kernels.pop() ?? createResampleKernel();
}

/** Returns the positions of parts in memory, with 16 bytes after each, and the end. */
function layOut(lengths: readonly number[]): readonly number[] {
  const positions = [freeMemory];
  for (const length of lengths)
    positions.push((positions.at(-1) as number) + Math.ceil(length / 16) * 16 + 16);
  return positions;
}

function growTo(memory: KernelMemory, end: number): Uint8Array<ArrayBuffer> {
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 2 ** 16));
  return new Uint8Array(memory.buffer);
}

/** Weights of old pixels in a range of new ones along one side. */
interface Taps {
  /** Length of a row of `weights`: most old pixels for a new one, and zeros to a multiple of 4. */
  readonly most: number;
  /** Of each new pixel, its first old pixel, counted from `firstPixel`, and their number. */
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
  const most = Math.ceil((Math.ceil(support) * 2 + 1) / 4) * 4;
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
  for (let at = 0; at < count; at++) first[at] = (first[at] as number) - firstPixel;
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

function bytesOf({ first, counts, weights }: Taps): number {
  return first.byteLength + counts.byteLength + weights.byteLength;
}

/** Copies a table to memory. @returns The positions of its parts, and `most`. */
function store(
  { first, counts, weights, most }: Taps,
  memory: Uint8Array<ArrayBuffer>,
  position: number,
): [first: number, counts: number, weights: number, most: number] {
  const countsAt = position + first.byteLength;
  const weightsAt = countsAt + counts.byteLength;
  const numbers = new Int32Array(memory.buffer);
  numbers.set(first, position / 4);
  numbers.set(counts, countsAt / 4);
  numbers.set(weights, weightsAt / 4);
  return [position, countsAt, weightsAt, most];
}

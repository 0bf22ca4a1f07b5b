import { ensure, expectedError } from '@kd/core';
import type { ImageSplit, StoredImage } from './imageCollection.ts';
import { type NumberArray, numpyNames, toNumbers } from './numberArray.ts';

/** Images in one array, and what is unusual about them. */
export interface PixelArray {
  /** Number of images. */
  readonly count: number;
  readonly shape: readonly [height: number, width: number, channels: number];
  read(index: number): Promise<StoredImage>;
  readonly warnings: readonly string[];
}

/** Largest side of an image in an array. */
const largestSide = 16_384;
/** Images that are looked at to find out how their numbers are to be read. */
const sampleCount = 32;

/** How the numbers of an array become bytes. */
interface Scale {
  readonly factor: 1 | 255;
  /** Distance from a whole number that rounding of the stored type may cause. */
  readonly tolerance: number;
}

/**
 * Opens images in an array of shape [images, height, width], [images, height, width, channels] or
 * PyTorch's [images, channels, height, width], of 1 or 3 channels.
 *
 * Pixels are bytes 0–255. Whole numbers 0–255 of other types, and n/255 of floats that run from 0
 * to 1, are converted with a warning; normalized pixels are refused.
 * @throws RangeError that names the array if its shape or its numbers do not fit.
 */
export async function openPixelArray(array: NumberArray): Promise<PixelArray> {
  const { caller, type } = array;
  const { count, shape, planes } = readShape(array);
  const size = shape[0] * shape[1] * shape[2];
  const warnings: string[] = [];
  if (planes && shape[2] > 1)
    warnings.push(
      `${caller}: shape [${array.shape.join(', ')}] is read as [images, channels, height, width]`,
    );
  const raw = (index: number) => array.read(index * size, (index + 1) * size);
  const { scale, largest } = await chooseScale(array, count, raw);
  if (scale !== undefined)
    warnings.push(
      `${caller}: ${numpyNames[type]} numbers are converted to bytes${scale.factor === 255 ? ', × 255' : ''}`,
    );
  if (largest <= 64 && scale?.factor !== 255)
    warnings.push(
      `${caller}: the brightest of ${Math.min(count, sampleCount)} images has ${largest} of 255`,
    );
  return {
    count,
    shape,
    warnings,
    async read(index) {
      const stored = await raw(index);
      const bytes =
        scale === undefined ? stored : toBytes(toNumbers(stored, type), scale, caller, index);
      return { pixels: planes ? interleave(bytes, shape) : Uint8Array.from(bytes), shape };
    },
  };
}

/** Creates a split of the images of an array. */
export function pixelSplit(
  pixels: PixelArray,
  labels: Int32Array,
  name: string,
  version: string,
): ImageSplit {
  return {
    count: pixels.count,
    labels,
    nameOf: (index) => `image ${index} of ${name}`,
    read: pixels.read,
    version,
  };
}

function readShape({ caller, shape }: NumberArray): {
  readonly count: number;
  readonly shape: readonly [number, number, number];
  readonly planes: boolean;
} {
  const [count = 0, first = 0, second = 0, third = 1] = shape;
  const isColor = (channels: number) => channels === 1 || channels === 3;
  const planes = shape.length === 4 && isColor(first) && !isColor(third);
  const fits =
    (shape.length === 3 || shape.length === 4) &&
    (planes || isColor(third)) &&
    count >= 1 &&
    [first, second, third].every((side) => side >= 1 && side <= largestSide);
  ensure(
    fits,
    caller,
    'images of shape [images, height, width] or [images, height, width, 1 or 3]',
    shape,
    remedyFor(shape),
  );
  return { count, shape: planes ? [second, third, first] : [first, second, third], planes };
}

function remedyFor(shape: readonly number[]): string {
  const [, pixels = 0] = shape;
  for (const channels of [1, 3]) {
    const side = Math.sqrt(pixels / channels);
    if (shape.length === 2 && Number.isInteger(side) && side > 1)
      return channels === 1
        ? `rows of ${side} × ${side} pixels: save x.reshape(-1, ${side}, ${side})`
        : `rows of ${side} × ${side} × 3: save x.reshape(-1, ${side}, ${side}, 3), or x.reshape(-1, 3, ${side}, ${side}) if they are planes`;
  }
  if (shape.length === 4 && shape[3] === 4) return 'leave the transparency out: save x[..., :3]';
  return 'save one image a row, gray or RGB';
}

/** Finds out by some images, spread over all, how the numbers are to be read. */
async function chooseScale(
  { caller, type }: NumberArray,
  count: number,
  raw: (index: number) => Promise<Uint8Array>,
): Promise<{ readonly scale: Scale | undefined; readonly largest: number }> {
  let [smallest, largest, whole] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true];
  const looked = Math.min(count, sampleCount);
  for (let sample = 0; sample < looked; sample++) {
    const index = Math.floor((sample * count) / looked);
    for (const value of toNumbers(await raw(index), type)) {
      if (value < smallest) smallest = value;
      if (value > largest) largest = value;
      if (!Number.isInteger(value)) whole = false;
      if (Number.isNaN(value)) throw expectedError(caller, 'pixels 0–255', `NaN in image ${index}`);
    }
  }
  if (type === 'U8') return { scale: undefined, largest };
  const isFloat = type === 'F16' || type === 'F32' || type === 'F64';
  const tolerance = type === 'F16' ? 0.2 : 1e-3;
  if (smallest >= 0 && largest <= 1 && (isFloat || type === 'BOOL'))
    return { scale: { factor: 255, tolerance }, largest };
  if (smallest >= 0 && largest <= 255 && whole) return { scale: { factor: 1, tolerance }, largest };
  const isNormalized = smallest < 0;
  throw expectedError(
    caller,
    'pixels as bytes 0–255 (uint8)',
    `${numpyNames[type]} from ${shorten(smallest)} to ${shorten(largest)}${whole ? '' : ', not whole'}`,
    isNormalized
      ? 'save the images as they were before normalization'
      : 'save np.round(x).clip(0, 255).astype(np.uint8), scaled to 0–255',
  );
}

/** Writes a number with the digits that a float32 has. */
function shorten(value: number): string {
  return String(Number(value.toPrecision(7)));
}

function toBytes(
  numbers: ArrayLike<number>,
  { factor, tolerance }: Scale,
  caller: string,
  index: number,
): Uint8Array {
  const bytes = new Uint8Array(numbers.length);
  for (let at = 0; at < numbers.length; at++) {
    const value = (numbers[at] as number) * factor;
    const rounded = Math.round(value);
    const fits = rounded >= 0 && rounded <= 255 && Math.abs(value - rounded) <= tolerance;
    if (!fits)
      throw expectedError(
        caller,
        factor === 1 ? 'whole pixels 0–255' : 'pixels n/255, n = 0–255',
        `${shorten(numbers[at] as number)} in image ${index}`,
        'save the images as uint8: np.round(x * 255).astype(np.uint8) if they run from 0 to 1',
      );
    bytes[at] = rounded;
  }
  return bytes;
}

/** Turns channel planes into pixels: [channels, height, width] → [height, width, channels]. */
export function interleave(
  planes: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
): Uint8Array<ArrayBuffer> {
  const area = height * width;
  const pixels = new Uint8Array(area * channels);
  for (let channel = 0; channel < channels; channel++)
    for (let at = 0; at < area; at++)
      pixels[at * channels + channel] = planes[channel * area + at] as number;
  return pixels;
}

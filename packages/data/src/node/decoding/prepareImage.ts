import { ensure } from '@kd/core';
import { describeRecipe, type PixelRecipe, preparePixels } from '../../pixels/recipes.ts';
import type { DecodedImage } from '../../pixels/resample.ts';
import type { StoredImage } from '../collections/imageCollection.ts';
import { decodeImage } from './decodeImage.ts';

/** How images become rows of equal length. */
export interface Preparation {
  /** Side of the square in pixels; `asGiven`: images keep the shape that they have. */
  readonly size: number | 'asGiven';
  readonly recipe: PixelRecipe;
  /** 3: red, green, blue; 1: gray. */
  readonly channels: 1 | 3;
}

/** An image that is ready for a dataset. */
export interface PreparedImage {
  /** uint8 [height, width, channels] flattened; memory of its own. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly shape: readonly [height: number, width: number, channels: number];
  /** What was converted, for people. */
  readonly notes: readonly string[];
}

/** Decodes an image, then resizes and crops it. @throws RangeError that has the image's name. */
export async function prepareImage(
  stored: StoredImage,
  name: string,
  { size, recipe, channels }: Preparation,
): Promise<PreparedImage> {
  const { notes, ...image } =
    'encoded' in stored
      ? await decodeImage(stored.encoded, { name, channels })
      : { ...convertChannels(stored, name, channels), notes: [] };
  if (size === 'asGiven')
    return { pixels: image.pixels, shape: [image.height, image.width, channels], notes };
  return { pixels: preparePixels(image, size, recipe), shape: [size, size, channels], notes };
}

/** Describes everything that decides the pixels: `as given, 3 channels`. */
export function describePreparation({ size, recipe, channels }: Preparation): string {
  const shape = size === 'asGiven' ? 'as given' : describeRecipe(recipe, size);
  return `${shape}, ${channels === 1 ? '1 channel' : `${channels} channels`}`;
}

/** Copies stored pixels into the channels that are wanted, as Pillow's `convert` does. */
function convertChannels(
  stored: Extract<StoredImage, { readonly pixels: unknown }>,
  name: string,
  channels: 1 | 3,
): DecodedImage {
  const [height, width, from] = stored.shape;
  const positions = height * width;
  const expected = 'pixels [height, width, channels] of 1, 3 or 4 channels';
  const fits = stored.pixels.length === positions * from && [1, 3, 4].includes(from);
  ensure(fits, `prepareImage '${name}'`, expected, `${stored.pixels.length} for ${stored.shape}`);
  if (from === channels) return { pixels: stored.pixels.slice(), height, width, channels };
  const pixels = new Uint8Array(positions * channels);
  for (let position = 0; position < positions; position++) {
    const at = position * from;
    const to = position * channels;
    const red = stored.pixels[at] as number;
    const green = from === 1 ? red : (stored.pixels[at + 1] as number);
    const blue = from === 1 ? red : (stored.pixels[at + 2] as number);
    if (channels === 1) {
      pixels[to] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    } else {
      pixels[to] = red;
      pixels[to + 1] = green;
      pixels[to + 2] = blue;
    }
  }
  return { pixels, height, width, channels };
}

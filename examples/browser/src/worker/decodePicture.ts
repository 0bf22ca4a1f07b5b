import { type PixelRecipe, preparePixels } from '@kd/data';

/**
 * Decodes a picture with the browser and makes an image of it with the resampler of @kd/data: the
 * pixels that a network was trained on. A canvas resizes otherwise, without antialiasing.
 *
 * The picture is drawn at its own size, turned by its EXIF orientation. Its color profile is left
 * aside, as in training; transparent pixels are black.
 * @param size Side of the square, in pixels.
 * @returns uint8 [size, size, 3] flattened.
 * @throws Error on what the browser cannot decode.
 */
export async function decodePicture(
  picture: Blob | ImageBitmap,
  size: number,
  recipe: PixelRecipe,
): Promise<Uint8Array<ArrayBuffer>> {
  const bitmap = picture instanceof Blob ? await decode(picture) : picture;
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (context === null)
    throw new Error(`a picture of ${width} × ${height} pixels is too large here`);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return preparePixels({ pixels: dropAlpha(data), height, width, channels: 3 }, size, recipe);
}

async function decode(picture: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(picture, { colorSpaceConversion: 'none' });
  } catch (cause) {
    throw new Error('it is no picture that this browser can open', { cause });
  }
}

function dropAlpha(rgba: Uint8ClampedArray): Uint8Array<ArrayBuffer> {
  const pixels = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    pixels[to] = rgba[from] as number;
    pixels[to + 1] = rgba[from + 1] as number;
    pixels[to + 2] = rgba[from + 2] as number;
  }
  return pixels;
}

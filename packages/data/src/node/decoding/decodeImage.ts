import { ensure } from '@kd/core';
import type { Sharp } from 'sharp';
import type { DecodedImage } from '../../pixels/resample.ts';
import { convertAvifColor, readAvifColor } from './avifColor.ts';
import type { ImageHeader } from './fileHeaders.ts';
import { type RawPixels, readPlainPng } from './plainPng.ts';
import { brokenFile, loadSharp, mostPixels, readHeader } from './probeImage.ts';

export interface DecodeImageOptions {
  /** Name of the file for messages. */
  readonly name: string;
  /** 3: red, green, blue; 1: gray. */
  readonly channels: 1 | 3;
}

/**
 * Decodes a picture file to the pixels of Pillow's
 * `ImageOps.exif_transpose(Image.open(file)).convert('RGB')`, or `'L'` for one channel.
 *
 * Embedded color profiles are left aside, alpha is dropped (what lies under it shows), the first
 * frame is taken. Different from Pillow: one value in 500 of AVIF; gray of 16 bits, which keeps its
 * high byte, while Pillow cuts all above 255 to white; transparent pixels of GIFs, which are black.
 * @returns The image, and `notes` about what was converted, for people.
 * @throws RangeError that has the file's name, before anything is decoded where the header is
 *   enough to know: no picture, more than 2^27 pixels, cut short, damaged.
 */
export async function decodeImage(
  encoded: Uint8Array,
  { name, channels }: DecodeImageOptions,
): Promise<DecodedImage & { readonly notes: readonly string[] }> {
  const caller = `decodeImage '${name}'`;
  const header = await readHeader(encoded, caller);
  ensure(channels === 1 || channels === 3, caller, 'channels 1 or 3', channels);
  const raw =
    readPlainPng(encoded, header, channels) ??
    (await decodeWithSharp(encoded, header, channels, caller));
  const pixels = header.color === 'cmyk' ? convertCmyk(raw.pixels) : raw.pixels;
  if (header.format === 'avif') {
    const color = readAvifColor(encoded, raw.height, raw.width);
    if (color !== undefined) convertAvifColor(pixels, raw.height, raw.width, color);
  }
  return {
    pixels: channels === 1 && !raw.isGray ? convertToGray(pixels) : pixels,
    height: raw.height,
    width: raw.width,
    channels,
    notes: describeConversions(header),
  };
}

async function decodeWithSharp(
  encoded: Uint8Array,
  { format, color, bits, orientation, transparent, storedWidth, storedHeight }: ImageHeader,
  channels: 1 | 3,
  caller: string,
): Promise<RawPixels> {
  const sharp = await loadSharp(caller);
  let pipeline = sharp(encoded, {
    ignoreIcc: true,
    failOn: 'error',
    limitInputPixels: mostPixels,
  });
  pipeline = turnUpright(pipeline, orientation);
  if (transparent) pipeline = pipeline.removeAlpha();
  if (color === 'cmyk') pipeline = pipeline.pipelineColourspace('cmyk').toColourspace('cmyk');
  // sharp rounds 16 bits to 8 on this way, and cuts them on the other.
  const isGray = color === 'gray' && channels === 1 && bits <= 8;
  if (isGray) pipeline = pipeline.toColourspace('b-w');
  const { data, info } = await pipeline
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: Error) => {
      throw brokenFile(caller, format, cause);
    });
  const expected = color === 'cmyk' ? 4 : isGray ? 1 : 3;
  ensure(
    info.channels === expected && info.width * info.height === storedWidth * storedHeight,
    caller,
    `${storedWidth} × ${storedHeight} pixels of ${expected} channels`,
    `${info.width} × ${info.height} of ${info.channels}`,
  );
  const pixels = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return { pixels, height: info.height, width: info.width, isGray };
}

/** Undoes an EXIF orientation. sharp mirrors first and turns then. */
function turnUpright(pipeline: Sharp, orientation: number): Sharp {
  const angle = [0, 0, 0, 180, 0, 270, 90, 90, 270][orientation] ?? 0;
  const turned = angle === 0 ? pipeline : pipeline.rotate(angle);
  if (orientation === 4) return turned.flip();
  return [2, 5, 7].includes(orientation) ? turned.flop() : turned;
}

/** Converts ink to light as Pillow does, without a profile: (255 − black) · (255 − ink) / 255. */
function convertCmyk(ink: Uint8Array): Uint8Array<ArrayBuffer> {
  const pixels = new Uint8Array((ink.length / 4) * 3);
  let to = 0;
  for (let at = 0; at < ink.length; at += 4) {
    const light = 255 - (ink[at + 3] as number);
    for (let channel = 0; channel < 3; channel++) {
      const product = (ink[at + channel] as number) * light + 128;
      pixels[to++] = light - ((product + (product >> 8)) >> 8);
    }
  }
  return pixels;
}

/** Weighs red, green and blue by 0.299, 0.587 and 0.114 and rounds as Pillow does. */
function convertToGray(pixels: Uint8Array): Uint8Array<ArrayBuffer> {
  const gray = new Uint8Array(pixels.length / 3);
  for (let to = 0, at = 0; to < gray.length; to++, at += 3) {
    const red = pixels[at] as number;
    const green = pixels[at + 1] as number;
    const blue = pixels[at + 2] as number;
    gray[to] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  }
  return gray;
}

function describeConversions({
  format,
  color,
  bits,
  transparent,
  orientation,
  frames,
}: ImageHeader): readonly string[] {
  const notes: string[] = [];
  if (color === 'cmyk') notes.push('converted from CMYK without a color profile');
  if (bits > 8) notes.push(`${bits} bits a channel, of which 8 are kept`);
  if (transparent) notes.push('transparency dropped');
  if (orientation !== 1) notes.push('turned by its EXIF orientation');
  if (frames > 1) notes.push(`the first of ${frames} ${format === 'tiff' ? 'pages' : 'frames'}`);
  if (format === 'avif') notes.push("AVIF, whose pixels differ a little from Pillow's");
  return notes;
}

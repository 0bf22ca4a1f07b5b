import { ensure, expectedError } from '@kd/core';
import { importOptional } from '@kd/core/node';
import type { Metadata, Sharp, SharpOptions } from 'sharp';
import {
  type ImageFormat,
  type ImageHeader,
  readJpegHeader,
  readPngHeader,
  startsWith,
} from './fileHeaders.ts';

/** What the header of a picture file has to say. */
export interface ProbedImage extends ImageHeader {
  /** In pixels, as the picture is shown: turned by its EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** Channels that are stored, alpha among them: 1 to 4, a palette has 3 (4 with transparency). */
  readonly channels: number;
}

/** Most pixels of a picture: 400 MB in three channels. */
export const mostPixels = 2 ** 27;

const readable = 'JPEG, PNG, WebP, AVIF, GIF or TIFF';
const leaveOut = 'get the file again, or leave it out (skipBroken, --skip-broken)';

/** The function that sharp is. */
type SharpModule = (input: Uint8Array, options?: SharpOptions) => Sharp;

/** Importing again costs 0.3 ms a picture. */
const loaded: { sharp?: SharpModule } = {};

/**
 * Imports sharp, whose package is optional. Its cache of operations is turned off: no picture is
 * decoded twice, and keeping them takes a tenth of the time.
 */
export async function loadSharp(caller: string): Promise<SharpModule> {
  if (loaded.sharp === undefined) {
    const { default: sharp } = await importOptional(caller, 'sharp', () => import('sharp'));
    sharp.cache(false);
    loaded.sharp = sharp;
  }
  return loaded.sharp;
}

/**
 * Reads the header of a picture file without decoding it.
 * @param name Name of the file for messages.
 * @throws RangeError where it is no picture, of a format that cannot be decoded, or too large.
 */
export async function probeImage(encoded: Uint8Array, name: string): Promise<ProbedImage> {
  const caller = `probeImage '${name}'`;
  const header = await readHeader(encoded, caller);
  const isTurned = header.orientation >= 5;
  const { storedWidth, storedHeight, color, transparent } = header;
  return {
    ...header,
    width: isTurned ? storedHeight : storedWidth,
    height: isTurned ? storedWidth : storedHeight,
    channels: { gray: 1, rgb: 3, palette: 3, cmyk: 4 }[color] + (transparent ? 1 : 0),
  };
}

/** Reads and checks a header: by itself for JPEG and PNG, with sharp for the others. */
export async function readHeader(encoded: Uint8Array, caller: string): Promise<ImageHeader> {
  ensure(encoded.length > 0, caller, `a picture (${readable})`, 'an empty file', leaveOut);
  const format = recognizeFormat(encoded, caller);
  const header =
    (format === 'jpeg' && readJpegHeader(encoded)) ||
    (format === 'png' && readPngHeader(encoded)) ||
    (await readOtherHeader(encoded, format, caller));
  const { storedWidth: width, storedHeight: height } = header;
  const size = `${width} × ${height}`;
  ensure(width > 0 && height > 0, caller, 'at least one pixel', size, leaveOut);
  ensure(
    width * height <= mostPixels,
    caller,
    'at most 2^27 pixels (11585 × 11585)',
    size,
    'make the picture smaller, or leave it out (skipBroken, --skip-broken)',
  );
  return header;
}

/** Beginnings of formats that are named, but not decoded. */
const otherFormats: readonly (readonly [beginning: string, name: string])[] = [
  ['BM', 'BMP'],
  ['%PDF', 'PDF'],
  ['\0\0\0\x0cjP  ', 'JPEG 2000'],
  ['\xff\x4f\xff\x51', 'JPEG 2000'],
  ['\xff\x0a', 'JPEG XL'],
  ['\0\0\0\x0cJXL ', 'JPEG XL'],
  ['8BPS', 'Photoshop'],
  ['\0\0\x01\0', 'ICO'],
  ['<svg', 'SVG'],
  ['<?xml', 'SVG'],
  ['qoif', 'QOI'],
  ['P5', 'PGM'],
  ['P6', 'PPM'],
];

function recognizeFormat(encoded: Uint8Array, caller: string): ImageFormat {
  if (startsWith(encoded, '\xff\xd8\xff')) return 'jpeg';
  if (startsWith(encoded, '\x89PNG\r\n\x1a\n')) return 'png';
  if (startsWith(encoded, 'RIFF') && startsWith(encoded, 'WEBP', 8)) return 'webp';
  if (startsWith(encoded, 'GIF8')) return 'gif';
  if (startsWith(encoded, 'II*\0') || startsWith(encoded, 'MM\0*')) return 'tiff';
  if (startsWith(encoded, 'ftyp', 4)) {
    // Brands: four letters each, the fourth number is a version.
    const brands = Buffer.from(encoded.subarray(8, Math.min(encoded[3] ?? 0, 64))).toString(
      'latin1',
    );
    if (/^(....)*avi[fs]/s.test(brands)) return 'avif';
    if (/^(hei[cxms]|hevc|mif1|msf1)/.test(brands)) throw wrongFormat(caller, 'HEIC');
  }
  const known = otherFormats.find(([beginning]) => startsWith(encoded, beginning));
  if (known !== undefined) throw wrongFormat(caller, known[1]);
  throw expectedError(caller, `a picture (${readable})`, 'another kind of file', leaveOut);
}

function wrongFormat(caller: string, format: string): RangeError {
  return expectedError(
    caller,
    readable,
    format,
    'convert the file to PNG, or leave it out (skipBroken, --skip-broken)',
  );
}

async function readOtherHeader(
  encoded: Uint8Array,
  format: ImageFormat,
  caller: string,
): Promise<ImageHeader> {
  const sharp = await loadSharp(caller);
  const metadata = await sharp(encoded, { limitInputPixels: false })
    .metadata()
    .catch((cause: Error) => {
      throw brokenFile(caller, format, cause);
    });
  const { width, height, depth, hasAlpha, orientation, pages, isPalette } = metadata;
  ensure(
    depth === 'uchar' || depth === 'ushort',
    caller,
    '8 or 16 bits a channel',
    `numbers of the type ${depth}`,
    'convert the file to PNG, or leave it out (skipBroken, --skip-broken)',
  );
  return {
    format,
    storedWidth: width,
    storedHeight: height,
    color: isPalette ? 'palette' : colorOf(metadata, caller),
    bits: metadata.bitsPerSample ?? (depth === 'uchar' ? 8 : 16),
    transparent: hasAlpha,
    orientation: orientation ?? 1,
    frames: pages ?? 1,
  };
}

function colorOf({ space }: Metadata, caller: string): ImageHeader['color'] {
  switch (space) {
    case 'b-w':
    case 'grey16':
      return 'gray';
    case 'srgb':
    case 'rgb16':
      return 'rgb';
    case 'cmyk':
      return 'cmyk';
    default:
      throw expectedError(
        caller,
        'gray, RGB or CMYK',
        space,
        'convert the file to PNG, or leave it out (skipBroken, --skip-broken)',
      );
  }
}

/** The error for a file that the decoder refuses. */
export function brokenFile(caller: string, format: ImageFormat, cause: Error): RangeError {
  const reason = cause.message.split('\n')[0]?.replace(/^Input buffer has corrupt header: /, '');
  const error = expectedError(
    caller,
    `a whole ${format.toUpperCase()} file`,
    `one that is cut short or damaged (${reason})`,
    leaveOut,
  );
  return Object.assign(error, { cause });
}

import { crc32, inflateSync } from 'node:zlib';
import { type ImageHeader, startsWith } from './fileHeaders.ts';

/** Pixels of a picture file, before they have the channels that are wanted. */
export interface RawPixels {
  /** Of one channel, of three, or of four: CMYK. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly height: number;
  readonly width: number;
  /** Whether there is one channel. */
  readonly isGray: boolean;
}

/** Longest side: the decoder's own time for a picture counts for less in larger ones. */
const mostSide = 256;

/** Bytes of a pixel by color type: gray, RGB, gray with alpha, RGB with alpha. */
const pixelBytes: Readonly<Record<number, number>> = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** Chunks that change neither the pixels nor how they are shown here. */
const idle = /^(IDAT|IEND|gAMA|cHRM|sRGB|iCCP|sBIT|pHYs|tIME|tEXt|zTXt|iTXt|bKGD|hIST)$/;

/**
 * Decodes a small PNG of the usual kind, which takes sharp a millisecond, with the platform's
 * inflate: 8 bits a channel, at most 256 × 256 pixels, no palette, no interlacing, no transparent
 * color, one frame, upright. Alpha is dropped.
 * @returns undefined for all other files and for those with the smallest fault, which sharp is to
 *   judge: every checksum is verified, and the pixels are all there.
 * Source: PNG specification, third edition, sections 5 and 9.
 */
export function readPlainPng(
  encoded: Uint8Array,
  header: ImageHeader,
  channels: 1 | 3,
): RawPixels | undefined {
  const { storedWidth: width, storedHeight: height } = header;
  const isUsual = header.format === 'png' && header.orientation === 1 && header.frames === 1;
  if (!isUsual || width > mostSide || height > mostSide) return undefined;
  const [bits, colorType, compression, filtering, interlacing] = encoded.subarray(24, 29);
  const step = pixelBytes[colorType as number];
  if (bits !== 8 || step === undefined || compression || filtering || interlacing) return undefined;
  const compressed = collectData(encoded);
  if (compressed === undefined) return undefined;
  const filtered = inflate(compressed, height * (1 + width * step));
  const stored = filtered && unfilter(filtered, width * step, height, step);
  if (stored === undefined) return undefined;
  const pixels = step % 2 === 1 ? stored : dropAlpha(stored, step);
  if (step > 2) return { pixels, height, width, isGray: false };
  const isGray = channels === 1;
  return { pixels: isGray ? pixels : repeatThrice(pixels), height, width, isGray };
}

/** Returns the compressed data of all IDAT chunks; undefined unless all chunks are whole and known. */
function collectData(encoded: Uint8Array): Uint8Array | undefined {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const pieces: Uint8Array[] = [];
  for (let at = 8; at + 12 <= encoded.length; ) {
    const length = view.getUint32(at);
    const end = at + 8 + length;
    if (end + 4 > encoded.length) return undefined;
    if (crc32(encoded.subarray(at + 4, end)) !== view.getUint32(end)) return undefined;
    if (startsWith(encoded, 'IDAT', at + 4)) pieces.push(encoded.subarray(at + 8, end));
    else if (startsWith(encoded, 'IEND', at + 4))
      return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    else if (at > 8 && !idle.test(String.fromCharCode(...encoded.subarray(at + 4, at + 8))))
      return undefined;
    at = end + 4;
  }
  return undefined;
}

function inflate(compressed: Uint8Array, length: number): Uint8Array | undefined {
  try {
    const filtered = inflateSync(compressed, {
      maxOutputLength: length,
      chunkSize: Math.max(64, length),
    });
    return filtered.length === length ? filtered : undefined;
  } catch {
    return undefined;
  }
}

/** Undoes the filters, of which a byte before each row names one. */
function unfilter(
  filtered: Uint8Array,
  rowLength: number,
  rows: number,
  step: number,
): Uint8Array<ArrayBuffer> | undefined {
  // A row and a pixel of zeros come first, so that every byte has a left and an upper neighbor.
  const stride = rowLength + step;
  const padded = new Uint8Array((rows + 1) * stride);
  const pixels = new Uint8Array(rows * rowLength);
  for (let row = 0; row < rows; row++) {
    const from = row * (rowLength + 1);
    const line = filtered.subarray(from + 1, from + 1 + rowLength);
    const to = (row + 1) * stride + step;
    if (!undoFilter(filtered[from] as number, line, padded, to, stride, step)) return undefined;
    pixels.set(padded.subarray(to, to + rowLength), row * rowLength);
  }
  return pixels;
}

/** @returns Whether the filter is one of the five. */
function undoFilter(
  filter: number,
  line: Uint8Array,
  out: Uint8Array,
  start: number,
  stride: number,
  step: number,
): boolean {
  const { length } = line;
  switch (filter) {
    case 0:
      out.set(line, start);
      return true;
    case 1:
      for (let at = 0, to = start; at < length; at++, to++)
        out[to] = (line[at] as number) + (out[to - step] as number);
      return true;
    case 2:
      for (let at = 0, to = start; at < length; at++, to++)
        out[to] = (line[at] as number) + (out[to - stride] as number);
      return true;
    case 3:
      for (let at = 0, to = start; at < length; at++, to++) {
        const sum = (out[to - step] as number) + (out[to - stride] as number);
        out[to] = (line[at] as number) + (sum >> 1);
      }
      return true;
    case 4:
      for (let at = 0, to = start; at < length; at++, to++) {
        const left = out[to - step] as number;
        const above = out[to - stride] as number;
        out[to] = (line[at] as number) + predict(left, above, out[to - stride - step] as number);
      }
      return true;
    default:
      return false;
  }
}

/** Paeth's predictor: the one that is nearest to left + above − corner, the first of equals. */
function predict(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** Copies all channels but the last one. */
function dropAlpha(stored: Uint8Array, step: number): Uint8Array<ArrayBuffer> {
  const pixels = new Uint8Array((stored.length / step) * (step - 1));
  for (let at = 0, to = 0; at < stored.length; at += step)
    for (let channel = 0; channel < step - 1; channel++)
      pixels[to++] = stored[at + channel] as number;
  return pixels;
}

/** Makes red, green and blue of gray. */
function repeatThrice(gray: Uint8Array): Uint8Array<ArrayBuffer> {
  const pixels = new Uint8Array(gray.length * 3);
  for (let at = 0; at < gray.length; at++) pixels.fill(gray[at] as number, 3 * at, 3 * at + 3);
  return pixels;
}

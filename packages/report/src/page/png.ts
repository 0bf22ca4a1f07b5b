import { ensure } from '@kd/core';

/** Colour types of the PNG specification, by number of channels. */
const colourTypes: Readonly<Record<number, number>> = { 1: 0, 3: 2 };

/**
 * Encodes an image as a PNG in a data URI.
 * @param pixels - uint8 [height × width × channels].
 * @param shape - [height, width, channels]; 1 channel (grey) or 3 (RGB).
 * Source: PNG specification, third edition.
 */
export async function pngDataUri(
  pixels: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
): Promise<string> {
  const colourType = colourTypes[channels];
  ensure(colourType !== undefined, 'renderReport', 'images of 1 or 3 channels', channels);
  const rowLength = width * channels;
  // Each row starts with its filter type: 0, none.
  const rows = new Uint8Array(height * (1 + rowLength));
  for (let y = 0; y < height; y++)
    rows.set(pixels.subarray(y * rowLength, (y + 1) * rowLength), y * (1 + rowLength) + 1);
  const header = new Uint8Array([...uint32(width), ...uint32(height), 8, colourType, 0, 0, 0]);
  const bytes = [
    [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    chunk('IHDR', header),
    chunk('IDAT', await deflate(rows)),
    chunk('IEND', new Uint8Array(0)),
  ].flatMap((part) => Array.from(part));
  return `data:image/png;base64,${btoa(bytes.map((byte) => String.fromCharCode(byte)).join(''))}`;
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream as ReadableStream).arrayBuffer());
}

/** Returns a chunk: the data's length, the type, the data, and the CRC-32 of type and data. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const typed = [...Array.from(type, (letter) => letter.charCodeAt(0)), ...data];
  return Uint8Array.from([...uint32(data.length), ...typed, ...uint32(crc32(typed))]);
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function crc32(bytes: readonly number[]): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

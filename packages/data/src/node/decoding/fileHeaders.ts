/** What the first bytes of JPEG and PNG files have to say, read without a decoder. */

/** Kinds of picture files that are decoded. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'gif' | 'tiff';

/** What is known of a picture before it is decoded. */
export interface ImageHeader {
  readonly format: ImageFormat;
  /** As the picture is stored, before it is turned by its EXIF orientation. */
  readonly storedWidth: number;
  readonly storedHeight: number;
  readonly color: 'gray' | 'rgb' | 'palette' | 'cmyk';
  /** Bits of a channel: 1, 2, 4, 8, 10, 12 or 16. */
  readonly bits: number;
  /** Whether there is an alpha channel or a transparent color. */
  readonly transparent: boolean;
  /** EXIF orientation, 1–8; 1: upright. In a JPEG without EXIF that of its XMP, as for Pillow. */
  readonly orientation: number;
  /** Frames or pages. */
  readonly frames: number;
}

/**
 * Reads the segments of a JPEG up to its frame header.
 * @returns undefined where there is none.
 * Source: ITU-T T.81, annex B; Exif 2.32, 4.6.
 */
export function readJpegHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation: number | undefined;
  let orientationOfXmp: number | undefined;
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] as number;
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isLone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    if (isLone) {
      at += 2;
      continue;
    }
    const length = view.getUint16(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length || marker === 0xd9 || marker === 0xda) return undefined;
    const content = bytes.subarray(at + 4, end);
    if (marker === 0xe1 && startsWith(content, 'Exif\0\0')) {
      orientation = readOrientation(content.subarray(6)) ?? orientation;
    } else if (marker === 0xe1 && startsWith(content, 'http://ns.adobe.com/xap/1.0/')) {
      const xmp = Buffer.from(content).toString('latin1');
      orientationOfXmp = Number(/tiff:Orientation(?:="|>)([1-8])/.exec(xmp)?.[1] ?? 1);
    } else if (isFrameHeader(marker)) {
      if (content.length < 6) return undefined;
      const components = content[5] as number;
      const color = ({ 1: 'gray', 3: 'rgb', 4: 'cmyk' } as const)[components];
      if (color === undefined) return undefined;
      return {
        format: 'jpeg',
        storedHeight: view.getUint16(at + 5),
        storedWidth: view.getUint16(at + 7),
        color,
        bits: content[0] as number,
        transparent: false,
        orientation: orientation ?? orientationOfXmp ?? 1,
        frames: 1,
      };
    }
    at = end;
  }
  return undefined;
}

/** SOF0 to SOF15 without DHT, JPG and DAC, which lie among them. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/**
 * Reads the chunks of a PNG.
 * @returns undefined where the first is no IHDR.
 * Source: W3C, Portable Network Graphics (third edition), 11.
 */
export function readPngHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 33 || !startsWith(bytes.subarray(12), 'IHDR')) return undefined;
  const colorType = bytes[25] as number;
  const color = colorType === 3 ? 'palette' : colorType & 2 ? 'rgb' : 'gray';
  let transparent = (colorType & 4) !== 0;
  let orientation = 1;
  let frames = 1;
  for (let at = 33; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at);
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (startsWith(bytes.subarray(at + 4), 'tRNS')) transparent = true;
    else if (startsWith(bytes.subarray(at + 4), 'eXIf'))
      orientation = readOrientation(content) ?? orientation;
    else if (startsWith(bytes.subarray(at + 4), 'acTL') && content.length >= 4)
      frames = view.getUint32(at + 8);
    at += 12 + length;
  }
  return {
    format: 'png',
    storedWidth: view.getUint32(16),
    storedHeight: view.getUint32(20),
    color,
    bits: bytes[24] as number,
    transparent,
    orientation,
    frames,
  };
}

/** Reads the orientation out of EXIF data: a TIFF header with one directory. */
function readOrientation(exif: Uint8Array): number | undefined {
  if (exif.length < 8) return undefined;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  const isLittle = exif[0] === 0x49;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > exif.length) return undefined;
  const entries = view.getUint16(directory, isLittle);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + entry * 12;
    if (at + 12 > exif.length) return undefined;
    if (view.getUint16(at, isLittle) !== 0x0112) continue;
    const value = view.getUint16(at + 8, isLittle);
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}

/** Whether bytes begin with a text of ASCII characters. */
export function startsWith(bytes: Uint8Array, text: string, at = 0): boolean {
  for (let index = 0; index < text.length; index++)
    if (bytes[at + index] !== text.charCodeAt(index)) return false;
  return true;
}

/** Returns where a text of ASCII characters begins, or −1. */
export function indexOfText(bytes: Uint8Array, text: string, from = 0): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(
    text,
    from,
    'latin1',
  );
}

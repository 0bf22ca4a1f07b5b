/**
 * AVIF files hold luma and two numbers of color for each pixel, or for each block of 2 × 2. sharp
 * (libheif) repeats the color of a block and rounds exactly; Pillow (libavif, libyuv) interpolates
 * color between blocks and computes with 6 bits. Up to 48 of 255 lie between them at the edges of
 * things. Here the stored numbers are found again in sharp's pixels and converted as for Pillow.
 */
import { indexOfText } from './fileHeaders.ts';

/** How an AVIF file stores color, as far as it can be found again. */
export interface AvifColor {
  /** Side of the block of pixels that have one color: 2, or 1. */
  readonly block: 1 | 2;
  readonly matrix: ColorMatrix;
}

/** From color to red, green and blue: of libheif, and in 64ths of libyuv. */
interface ColorMatrix {
  readonly redOfRed: number;
  readonly greenOfBlue: number;
  readonly greenOfRed: number;
  readonly blueOfBlue: number;
  readonly in64ths: {
    readonly redOfRed: number;
    readonly greenOfBlue: number;
    readonly greenOfRed: number;
    readonly blueOfBlue: number;
  };
}

const bt601: ColorMatrix = {
  redOfRed: 1.402,
  greenOfBlue: -0.344136,
  greenOfRed: -0.714136,
  blueOfBlue: 1.772,
  in64ths: { redOfRed: 90, greenOfBlue: -22, greenOfRed: -46, blueOfBlue: 113 },
};
const bt709: ColorMatrix = {
  redOfRed: 1.5748,
  greenOfBlue: -0.187324,
  greenOfRed: -0.468124,
  blueOfBlue: 1.8556,
  in64ths: { redOfRed: 101, greenOfBlue: -12, greenOfRed: -30, blueOfBlue: 119 },
};

/**
 * Reads how the color of an AVIF file is stored.
 * @returns undefined where it cannot be found again: monochrome, more than 8 bits, television's
 *   range of numbers, other matrices, color halved along the width alone; or blocks that begin
 *   elsewhere, since the picture is turned and a side is odd.
 * Source: AV1 Codec ISO Media File Format Binding, 2.3.3; ISO/IEC 23091-2, 8.3.
 */
export function readAvifColor(
  encoded: Uint8Array,
  height: number,
  width: number,
): AvifColor | undefined {
  let flags = 0x10;
  for (let at = indexOfText(encoded, 'av1C'); at >= 0; at = indexOfText(encoded, 'av1C', at + 1)) {
    const found = encoded[at + 6] ?? 0;
    // Alpha is stored as a monochrome picture beside the other.
    if ((found & 0x10) === 0) flags = found;
  }
  const isWide = (flags & 0x40) !== 0;
  const halved = flags & 0x0c;
  if ((flags & 0x10) !== 0 || isWide || halved === 0x08) return undefined;
  const isOdd = height % 2 === 1 || width % 2 === 1;
  const isTurned = ['irot', 'imir'].some((box) => indexOfText(encoded, box) >= 0);
  if (halved !== 0 && isOdd && isTurned) return undefined;
  const colors = indexOfText(encoded, 'colrnclx');
  const isFull = colors < 0 || ((encoded[colors + 14] ?? 0) & 0x80) !== 0;
  const code = colors < 0 ? 2 : ((encoded[colors + 12] ?? 0) << 8) | (encoded[colors + 13] ?? 0);
  const matrix = code === 1 ? bt709 : [2, 5, 6].includes(code) ? bt601 : undefined;
  return isFull && matrix ? { block: halved === 0 ? 1 : 2, matrix } : undefined;
}

/**
 * Changes sharp's pixels of an AVIF file to Pillow's. About one value in 500 stays different: where
 * red, green or blue is 0 or 255, the stored numbers cannot be told for sure.
 * @param pixels uint8 [height, width, 3], changed in place.
 */
export function convertAvifColor(
  pixels: Uint8Array<ArrayBuffer>,
  height: number,
  width: number,
  { block, matrix }: AvifColor,
): void {
  const planes = recoverPlanes(pixels, height, width, block, matrix);
  const { luma, blues, reds, rows, columns } = planes;
  const { redOfRed, greenOfBlue, greenOfRed, blueOfBlue } = matrix.in64ths;
  const result = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  const shift = block - 1;
  for (let y = 0; y < height; y++) {
    const near = (y >> shift) * columns;
    const far = clamp((y >> shift) + shift * (y & 1 ? 1 : -1), rows - 1) * columns;
    for (let x = 0; x < width; x++) {
      const own = x >> shift;
      const next = clamp(own + shift * (x & 1 ? 1 : -1), columns - 1);
      const corners = [near + own, near + next, far + own, far + next] as const;
      const blue = interpolate(blues, corners);
      const red = interpolate(reds, corners);
      const light = Math.floor(((luma[y * width + x] as number) * 257 * 16320) / 2 ** 16) + 32;
      const at = (y * width + x) * 3;
      result[at] = (light + red * redOfRed) >> 6;
      result[at + 1] = (light + blue * greenOfBlue + red * greenOfRed) >> 6;
      result[at + 2] = (light + blue * blueOfBlue) >> 6;
    }
  }
}

/** The numbers of a file; those of color run from −128 to 127. */
interface Planes {
  readonly luma: Uint8Array;
  readonly blues: Int8Array;
  readonly reds: Int8Array;
  /** Of blocks. */
  readonly rows: number;
  readonly columns: number;
}

/**
 * Finds the stored numbers. The mean of a block tells its color but for a step or two; of the
 * candidates the one counts from which most of the block's pixels follow exactly.
 */
function recoverPlanes(
  pixels: Uint8Array,
  height: number,
  width: number,
  block: 1 | 2,
  matrix: ColorMatrix,
): Planes {
  const rows = Math.ceil(height / block);
  const columns = Math.ceil(width / block);
  const luma = new Uint8Array(height * width);
  const blues = new Int8Array(rows * columns);
  const reds = new Int8Array(rows * columns);
  const addedBy = block === 1 ? addedInFull : addedIn256ths;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const positions: number[] = [];
      for (let y = row * block; y < Math.min(row * block + block, height); y++)
        for (let x = column * block; x < Math.min(column * block + block, width); x++)
          positions.push(y * width + x);
      const [blueMean, redMean] = meanColor(pixels, positions, matrix);
      let best = { count: -1, blue: 0, red: 0, added: [0, 0, 0] as Added };
      for (let at = 0; at < candidates.length && best.count < positions.length; at++) {
        const [blueStep, redStep] = candidates[at] as readonly [number, number];
        const [blue, red] = [blueMean + blueStep, redMean + redStep];
        const added = addedBy(matrix, blue, red);
        const count = countConsistent(pixels, positions, added);
        if (count > best.count) best = { count, blue, red, added };
      }
      const at = row * columns + column;
      blues[at] = Math.max(-128, Math.min(127, best.blue));
      reds[at] = Math.max(-128, Math.min(127, best.red));
      for (const position of positions)
        luma[position] = clamp(lumaOf(pixels, position * 3, best.added), 255);
    }
  return { luma, blues, reds, rows, columns };
}

/** Steps from the estimate, the nearest first: (blue, red). */
const candidates = Array.from(
  { length: 49 },
  (_, at) => [(at % 7) - 3, Math.floor(at / 7) - 3] as const,
).sort((one, other) => distance(one) - distance(other));

function distance([blue, red]: readonly [number, number]): number {
  return Math.max(Math.abs(blue), Math.abs(red));
}

/** What a block's color adds to luma for red, green and blue. */
type Added = readonly [red: number, green: number, blue: number];

/** As libheif adds it where color is halved. */
function addedIn256ths(matrix: ColorMatrix, blue: number, red: number): Added {
  const { redOfRed, greenOfBlue, greenOfRed, blueOfBlue } = matrix;
  const [toRed, toBlue] = [Math.round(redOfRed * 256), Math.round(blueOfBlue * 256)];
  const greenByBlue = Math.round(greenOfBlue * 256) * blue;
  const greenByRed = Math.round(greenOfRed * 256) * red;
  return [
    (toRed * red + 128) >> 8,
    (greenByBlue + greenByRed + 128) >> 8,
    (toBlue * blue + 128) >> 8,
  ];
}

/** As libheif adds it where every pixel has its color. */
function addedInFull(matrix: ColorMatrix, blue: number, red: number): Added {
  const { redOfRed, greenOfBlue, greenOfRed, blueOfBlue } = matrix;
  return [
    Math.round(redOfRed * red),
    Math.round(greenOfBlue * blue + greenOfRed * red),
    Math.round(blueOfBlue * blue),
  ];
}

function meanColor(
  pixels: Uint8Array,
  positions: readonly number[],
  { redOfRed, blueOfBlue }: ColorMatrix,
): [blue: number, red: number] {
  const [redWeight, blueWeight] = [1 - redOfRed / 2, 1 - blueOfBlue / 2];
  let [blue, red] = [0, 0];
  for (const position of positions) {
    const at = position * 3;
    const [r, g, b] = [pixels[at], pixels[at + 1], pixels[at + 2]] as [number, number, number];
    const luma = redWeight * r + (1 - redWeight - blueWeight) * g + blueWeight * b;
    blue += b - luma;
    red += r - luma;
  }
  const count = positions.length;
  return [Math.round(blue / count / blueOfBlue), Math.round(red / count / redOfRed)];
}

/** Counts the pixels whose three values follow from one luma and what is added. */
function countConsistent(pixels: Uint8Array, positions: readonly number[], added: Added): number {
  let count = 0;
  for (const position of positions) {
    const at = position * 3;
    const luma = lumaOf(pixels, at, added);
    const isConsistent =
      luma >= 0 &&
      luma <= 255 &&
      clamp(luma + added[0], 255) === pixels[at] &&
      clamp(luma + added[1], 255) === pixels[at + 1] &&
      clamp(luma + added[2], 255) === pixels[at + 2];
    if (isConsistent) count++;
  }
  return count;
}

/** Luma by the first of green, red and blue that is not cut to 0 or 255. */
function lumaOf(pixels: Uint8Array, at: number, [byRed, byGreen, byBlue]: Added): number {
  const [red, green, blue] = [pixels[at], pixels[at + 1], pixels[at + 2]] as [
    number,
    number,
    number,
  ];
  if (green > 0 && green < 255) return green - byGreen;
  return red > 0 && red < 255 ? red - byRed : blue - byBlue;
}

/** Weighs a block and its neighbors by 9, 3, 3 and 1 sixteenths. */
function interpolate(
  plane: Int8Array,
  [own, beside, above, across]: readonly [number, number, number, number],
): number {
  const sides = (plane[beside] as number) + (plane[above] as number);
  return (9 * (plane[own] as number) + 3 * sides + (plane[across] as number) + 8) >> 4;
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}

/**
 * AVIF files store color at half the height and width. sharp repeats each value four times, Pillow
 * interpolates: up to 48 of 255 between them at the edges of things. Here the interpolation is made
 * up for.
 */
import { indexOfText } from './fileHeaders.ts';

/** How an AVIF file stores color at half the size. */
export interface HalvedChroma {
  /** Weights of red and blue in luma. */
  readonly red: number;
  readonly blue: number;
  /** A step of the stored numbers in levels 0–255: 1, or 255 / 224 of what is made for television. */
  readonly step: number;
}

const bt601 = { red: 0.299, blue: 0.114 };
const bt709 = { red: 0.2126, blue: 0.0722 };

/**
 * Reads whether the color of an AVIF file is halved along both sides, and its matrix.
 * @returns undefined where it is not, or where the picture is turned and a side is odd: blocks then
 *   begin elsewhere.
 * Source: AV1 Codec ISO Media File Format Binding, 2.3.3; ISO/IEC 23091-2, 8.3.
 */
export function readHalvedChroma(
  encoded: Uint8Array,
  height: number,
  width: number,
): HalvedChroma | undefined {
  const isOdd = height % 2 === 1 || width % 2 === 1;
  if (isOdd && ['irot', 'imir'].some((box) => indexOfText(encoded, box) >= 0)) return undefined;
  let isHalved = false;
  for (let at = -1; ; ) {
    at = indexOfText(encoded, 'av1C', at + 1);
    if (at < 0) break;
    const flags = encoded[at + 6] ?? 0;
    const isMonochrome = (flags & 0x10) !== 0;
    // That of alpha is monochrome.
    if (!isMonochrome) isHalved = (flags & 0x0c) === 0x0c;
  }
  if (!isHalved) return undefined;
  const colors = indexOfText(encoded, 'colrnclx');
  const matrix = colors < 0 ? 2 : encoded[colors + 13];
  const isFull = colors < 0 || ((encoded[colors + 14] ?? 0) & 0x80) !== 0;
  return { ...(matrix === 1 ? bt709 : bt601), step: isFull ? 1 : 255 / 224 };
}

/**
 * Interpolates color that was repeated over blocks of 2 × 2 pixels, bilinearly between the centers
 * of blocks. What was stored is found again in the mean of a block.
 * @param pixels uint8 [height, width, 3], changed in place.
 */
export function interpolateChroma(
  pixels: Uint8Array<ArrayBuffer>,
  height: number,
  width: number,
  { red, blue, step }: HalvedChroma,
): void {
  const green = 1 - red - blue;
  const [toRed, toBlue] = [2 * (1 - red) * step, 2 * (1 - blue) * step];
  const [greenOfBlue, greenOfRed] = [(-toBlue * blue) / green, (-toRed * red) / green];
  const columns = (width + 1) >> 1;
  const rows = (height + 1) >> 1;
  const blues = new Int16Array(rows * columns);
  const reds = new Int16Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      let [blueness, redness, count] = [0, 0, 0];
      for (let y = 2 * row; y < Math.min(2 * row + 2, height); y++)
        for (let x = 2 * column; x < Math.min(2 * column + 2, width); x++) {
          const at = (y * width + x) * 3;
          const [r, g, b] = [pixels[at], pixels[at + 1], pixels[at + 2]] as [
            number,
            number,
            number,
          ];
          const luma = red * r + green * g + blue * b;
          blueness += b - luma;
          redness += r - luma;
          count++;
        }
      blues[row * columns + column] = Math.round(blueness / count / toBlue);
      reds[row * columns + column] = Math.round(redness / count / toRed);
    }
  const result = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  for (let y = 0; y < height; y++) {
    const near = (y >> 1) * columns;
    const far = Math.min(Math.max((y >> 1) + (y & 1 ? 1 : -1), 0), rows - 1) * columns;
    for (let x = 0; x < width; x++) {
      const own = x >> 1;
      const next = Math.min(Math.max(own + (x & 1 ? 1 : -1), 0), columns - 1);
      const moved = (plane: Int16Array) => {
        const center = plane[near + own] as number;
        const others = 3 * ((plane[near + next] as number) + (plane[far + own] as number));
        return ((9 * center + others + (plane[far + next] as number) + 8) >> 4) - center;
      };
      const [blueBy, redBy] = [moved(blues), moved(reds)];
      const at = (y * width + x) * 3;
      result[at] = (pixels[at] as number) + toRed * redBy;
      result[at + 1] = (pixels[at + 1] as number) + greenOfBlue * blueBy + greenOfRed * redBy;
      result[at + 2] = (pixels[at + 2] as number) + toBlue * blueBy;
    }
  }
}

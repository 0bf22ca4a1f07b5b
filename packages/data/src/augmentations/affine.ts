/**
 * Affine transforms as torchvision computes them on PIL images, to the last bit; what comes from
 * outside the image is black.
 */

/**
 * Maps a position of the new image to one of the old: x' = a·x + b·y + c, y' = d·x + e·y + f, with
 * the centers of pixels at half numbers.
 */
export type AffineMatrix = readonly [
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
];

const radians = Math.PI / 180;

/** Rotates about the center. @param angle Degrees, counterclockwise. */
export function rotationMatrix(angle: number, height: number, width: number): AffineMatrix {
  // `%` keeps the sign in JavaScript and not in Python.
  const turn = -(((angle % 360) + 360) % 360) * radians;
  const cos = round15(Math.cos(turn));
  const sin = round15(Math.sin(turn));
  const [x, y] = [width / 2, height / 2];
  return [cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y];
}

function round15(value: number): number {
  return Number(value.toFixed(15));
}

/** Parameters of an affine transform. */
export interface AffineParameters {
  /** Degrees, clockwise. */
  readonly angle?: number;
  /** Pixels, to the right and down. */
  readonly translate?: readonly [right: number, down: number];
  readonly scale?: number;
  /** Degrees, along the width and along the height. */
  readonly shear?: readonly [horizontal: number, vertical: number];
  /** In pixels; the center of the image. */
  readonly center?: readonly [x: number, y: number];
}

/** Shears, scales, rotates and translates, in this order. */
export function affineMatrix(
  { angle = 0, translate = [0, 0], scale = 1, shear = [0, 0], center }: AffineParameters,
  height: number,
  width: number,
): AffineMatrix {
  const rotation = angle * radians;
  const [sx, sy] = [shear[0] * radians, shear[1] * radians];
  const [x, y] = center ?? [width / 2, height / 2];
  const [xTo, yTo] = [x + translate[0], y + translate[1]];
  const a = Math.cos(rotation - sy) / Math.cos(sy);
  const b = -(a * Math.tan(sx) + Math.sin(rotation));
  const c = Math.sin(rotation - sy) / Math.cos(sy);
  const d = Math.cos(rotation) - c * Math.tan(sx);
  const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale];
  return [m0, m1, x - m0 * xTo - m1 * yTo, m3, m4, y - m3 * xTo - m4 * yTo];
}

/**
 * Finds the nearest pixel. A position that moves in whole steps is found in float64, any other in
 * numbers of 16 bits behind the point, as in PIL.
 * @param map [height × width], receives the position in the old image of each pixel; −1: none.
 */
export function findNearest(
  [a, b, c, d, e, f]: AffineMatrix,
  map: Int32Array,
  height: number,
  width: number,
): void {
  const isScaling = b === 0 && d === 0;
  const one = isScaling ? 1 : 2 ** 16;
  const unit = 1 / one;
  const fix = (value: number) => (isScaling ? value : Math.floor(value * one + 0.5));
  const [right, down, nextRight, nextDown] = [fix(a), fix(d), fix(b), fix(e)];
  let firstX = fix(c + a * 0.5 + b * 0.5);
  let firstY = fix(f + d * 0.5 + e * 0.5);
  for (let row = 0, at = 0; row < height; row++) {
    let x = firstX;
    let y = firstY;
    for (let column = 0; column < width; column++) {
      const fromX = Math.floor(x * unit);
      const fromY = Math.floor(y * unit);
      const isInside = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
      map[at++] = isInside ? fromY * width + fromX : -1;
      x += right;
      y += down;
    }
    firstX += nextRight;
    firstY += nextDown;
  }
}

/** Takes the nearest pixel, in place. */
export function transformNearest(
  matrix: AffineMatrix,
  pixels: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
): void {
  const old = pixels.slice();
  const map = new Int32Array(height * width);
  findNearest(matrix, map, height, width);
  const positions = height * width;
  for (let position = 0, to = 0; position < positions; position++) {
    const from = (map[position] as number) * channels;
    for (let channel = 0; channel < channels; channel++)
      pixels[to++] = from < 0 ? 0 : (old[from + channel] as number);
  }
}

/** Interpolates between the four nearest pixels, in place; the result is cut to whole numbers. */
export function transformBilinear(
  [a, b, c, d, e, f]: AffineMatrix,
  pixels: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
): void {
  const old = pixels.slice();
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = a * (column + 0.5) + b * (row + 0.5) + c;
      const y = d * (column + 0.5) + e * (row + 0.5) + f;
      if (x < 0 || x >= width || y < 0 || y >= height) {
        for (let channel = 0; channel < channels; channel++) pixels[to++] = 0;
        continue;
      }
      const left = Math.floor(x - 0.5);
      const top = Math.floor(y - 0.5);
      const right = x - 0.5 - left;
      const down = y - 0.5 - top;
      const leftAt = Math.max(left, 0) * channels;
      const rightAt = Math.min(left + 1, width - 1) * channels;
      const topAt = Math.max(top, 0) * width * channels;
      const bottomAt = Math.min(top + 1, height - 1) * width * channels;
      for (let channel = 0; channel < channels; channel++) {
        const upperLeft = old[topAt + leftAt + channel] as number;
        const lowerLeft = old[bottomAt + leftAt + channel] as number;
        const upper = upperLeft + ((old[topAt + rightAt + channel] as number) - upperLeft) * right;
        const lower =
          lowerLeft + ((old[bottomAt + rightAt + channel] as number) - lowerLeft) * right;
        pixels[to++] = upper + (lower - upper) * down;
      }
    }
  }
}

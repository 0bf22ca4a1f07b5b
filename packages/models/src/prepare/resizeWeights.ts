import { expectedError } from '@kd/core';

/** Between how many pixels a new one lies: two or four along each side. */
export type Interpolation = 'bilinear' | 'bicubic';

/** How pixels are made of others. */
export interface ResizeFilter {
  readonly interpolation: Interpolation;
  /**
   * Where the image shrinks, every new pixel looks at all the pixels that it stands for, as Pillow
   * has it.
   */
  readonly antialias: boolean;
}

/**
 * Resizing along one side as a matrix: new pixel i = Σⱼ weights[i, j] · old pixel j. Every row adds
 * up to 1.
 *
 * Pixel centres lie at half numbers, cᵢ = (i + ½) · from / to. With antialias, old pixel j weighs
 * f((j + ½ − cᵢ) / s), s = max(from / to, 1), divided by the
 * sum of the row; f is the triangle, or Keys's cubic with a = −½. Without, f is not stretched, the
 * cubic has a = −¾, and the edge's pixel stands for those
 * beyond it. So PyTorch's `interpolate(align_corners=False)` has them.
 * @param from Pixels along the side. @param to New pixels.
 * @returns [to, from], row-major.
 * Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE ASSP 29
 * (1981), eq. 15; Pillow and torchvision with antialias.
 */
export function resizeWeights(
  from: number,
  to: number,
  { interpolation, antialias }: ResizeFilter,
): Float32Array {
  const weights = new Float32Array(to * from);
  const weigh = filterOf(interpolation, antialias);
  for (let i = 0; i < to; i++) {
    const row = weights.subarray(i * from, (i + 1) * from);
    const centre = ((i + 0.5) * from) / to;
    if (antialias) fillStretched(row, centre, Math.max(from / to, 1), weigh);
    else fillBetween(row, centre - 0.5, weigh);
  }
  return weights;
}

type Filter = (distance: number) => number;

function filterOf(interpolation: Interpolation, antialias: boolean): Filter {
  switch (interpolation) {
    case 'bilinear':
      return (distance) => Math.max(0, 1 - Math.abs(distance));
    case 'bicubic':
      return cubic(antialias ? -0.5 : -0.75);
    default:
      interpolation satisfies never;
      throw expectedError('prepare', 'interpolation bilinear or bicubic', interpolation);
  }
}

function cubic(a: number): Filter {
  return (distance) => {
    const x = Math.abs(distance);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
  };
}

/** Pixels beyond the edge count nothing; the others share the whole. */
function fillStretched(row: Float32Array, centre: number, stretch: number, weigh: Filter): void {
  const raw = Float64Array.from(row, (_, j) => weigh((j + 0.5 - centre) / stretch));
  const whole = raw.reduce((sum, weight) => sum + weight, 0);
  row.set(raw.map((weight) => weight / whole));
}

/**
 * Four neighbours, of which the two outer ones weigh nothing where the filter is the triangle.
 * @param place In units of pixels, 0 at the first's centre.
 */
function fillBetween(row: Float32Array, place: number, weigh: Filter): void {
  const left = Math.floor(place);
  for (let j = left - 1; j <= left + 2; j++) {
    const inside = Math.min(Math.max(j, 0), row.length - 1);
    row[inside] = (row[inside] as number) + weigh(place - j);
  }
}

import { expectedError } from './errors.ts';

/** Interpolation between the two or the four nearest pixels along each side. */
export type Interpolation = 'bilinear' | 'bicubic';

/** How new pixels are computed from old ones. */
export interface ResizeFilter {
  readonly interpolation: Interpolation;
  /**
   * Whether a new pixel of an image that shrinks is a weighted mean of all the pixels it replaces,
   * as in Pillow.
   */
  readonly antialias: boolean;
}

/**
 * Resizing along one side as a matrix: new pixel i = Σⱼ weights[i, j] · old pixel j. Every row adds
 * up to 1.
 *
 * Pixel centers lie at half-integers, cᵢ = (i + ½) · from / to. With antialias, the weight of old
 * pixel j is f((j + ½ − cᵢ) / s), s = max(from / to, 1), divided by the sum of the row; f is the
 * triangle, or Keys's cubic with a = −½. Without, f is not stretched, the cubic has a = −¾, and the
 * pixel at the edge stands for those beyond it. All as in PyTorch's
 * `interpolate(align_corners=False)`.
 * @param from Pixels along the side.
 * @param to New pixels.
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
  const kernel = interpolationKernel(interpolation, antialias);
  for (let i = 0; i < to; i++) {
    const row = weights.subarray(i * from, (i + 1) * from);
    const center = ((i + 0.5) * from) / to;
    if (antialias) fillStretched(row, center, Math.max(from / to, 1), kernel);
    else fillNearest(row, center - 0.5, kernel);
  }
  return weights;
}

/** Weight of a pixel by its distance in pixels. */
type InterpolationKernel = (distance: number) => number;

function interpolationKernel(
  interpolation: Interpolation,
  antialias: boolean,
): InterpolationKernel {
  switch (interpolation) {
    case 'bilinear':
      return (distance) => Math.max(0, 1 - Math.abs(distance));
    case 'bicubic':
      return cubic(antialias ? -0.5 : -0.75);
    default:
      interpolation satisfies never;
      throw expectedError('resize', 'interpolation bilinear or bicubic', interpolation);
  }
}

function cubic(a: number): InterpolationKernel {
  return (distance) => {
    const x = Math.abs(distance);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
  };
}

/** Pixels beyond the edge have no weight; those inside are normalized to a sum of 1. */
function fillStretched(
  row: Float32Array,
  center: number,
  stretch: number,
  kernel: InterpolationKernel,
): void {
  const raw = Float64Array.from(row, (_, j) => kernel((j + 0.5 - center) / stretch));
  const sum = raw.reduce((total, weight) => total + weight, 0);
  row.set(raw.map((weight) => weight / sum));
}

/**
 * Weights of the four nearest pixels; the outer two are 0 for the triangle.
 * @param position In pixels, 0 at the center of the first.
 */
function fillNearest(row: Float32Array, position: number, kernel: InterpolationKernel): void {
  const left = Math.floor(position);
  for (let j = left - 1; j <= left + 2; j++) {
    const inside = Math.min(Math.max(j, 0), row.length - 1);
    row[inside] = (row[inside] as number) + kernel(position - j);
  }
}

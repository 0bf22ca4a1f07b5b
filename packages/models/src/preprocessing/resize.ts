import { type Interpolation, type ResizeFilter, resizeWeights } from '@kd/core/internal';
import {
  matMul,
  reshape,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tensor2d,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';

export type { Interpolation };

/** The square that images are resized to, and how. */
export interface ResizeOptions extends ResizeFilter {
  /** Side of the square, in pixels. */
  readonly size: number;
  /** The part of the shorter side that stays after the center crop: 0 < crop ≤ 1. */
  readonly crop: number;
}

/** Resizes images, all of one size, to a square. */
export type Resize = (images: Tensor4D) => Tensor4D;

/**
 * Creates a function that resizes and crops. The shorter side becomes ⌊size / crop⌋ pixels, the
 * longer one follows in proportion (rounded down), and the central square of size × size is taken:
 * torchvision's `Resize(256)` and `CenterCrop(224)` are size 224, crop 0.875. Images that are size
 * × size already are returned unchanged.
 *
 * It is two matrix products, which every engine has, with only those rows of the matrices that the
 * crop keeps: cropping costs nothing. Height goes first: the other order saves a quarter of the
 * time for images that grow on TensorFlow (0.57 instead of 0.72 ms an image, 32 → 224), loses as
 * much for images that shrink, and takes three times as long on WebAssembly.
 */
export function createResize(options: ResizeOptions): Resize {
  const { size } = options;
  let last:
    | {
        readonly height: number;
        readonly width: number;
        readonly rows: Float32Array;
        readonly columns: Float32Array;
      }
    | undefined;
  return (images) => {
    const [, height, width] = images.shape;
    if (height === size && width === size) return images;
    if (last === undefined || last.height !== height || last.width !== width) {
      const short = Math.min(height, width);
      last = {
        height,
        width,
        rows: centerWeights(height, short, options),
        columns: centerWeights(width, short, options),
      };
    }
    const { rows, columns } = last;
    return tidy(() =>
      applyMatrices(images, tensor2d(rows, [size, height]), tensor2d(columns, [size, width])),
    );
  };
}

/**
 * Length of an image's shorter side after resizing and before the crop. The millionth is for 224 /
 * (224 / 232), which floating point leaves just under 232.
 */
export function resizedSide({ size, crop }: Pick<ResizeOptions, 'size' | 'crop'>): number {
  return Math.floor(size / crop + 1e-6);
}

/**
 * The rows of a resizing matrix that belong to the `size` central pixels: [size, side].
 * @param short The image's shorter side.
 */
function centerWeights(side: number, short: number, options: ResizeOptions): Float32Array {
  const { size } = options;
  const { resized, start } = centerOf(side, short, options);
  return resizeWeights(side, resized, options).subarray(start * side, (start + size) * side);
}

/**
 * Length of a side after resizing, and the first of its pixels that the center crop keeps.
 * @param short The image's shorter side.
 */
export function centerOf(
  side: number,
  short: number,
  options: Pick<ResizeOptions, 'size' | 'crop'>,
): { readonly resized: number; readonly start: number } {
  const resized = Math.floor((resizedSide(options) * side) / short);
  return { resized, start: roundHalfToEven((resized - options.size) / 2) };
}

/** Rounds as Python does, by which torchvision's CenterCrop finds the center. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

/**
 * rows · image · columnsᵀ, channel by channel.
 * @param rows [height, old height].
 * @param columns [width, old width].
 */
function applyMatrices(images: Tensor4D, rows: Tensor2D, columns: Tensor2D): Tensor4D {
  const [batch, oldHeight, oldWidth, channels] = images.shape;
  const [height, width] = [rows.shape[0], columns.shape[0]];
  const tall: Tensor = reshape(
    matMul(rows, reshape(images, [batch, oldHeight, oldWidth * channels])),
    [batch, height, oldWidth, channels],
  );
  const planes = reshape(transpose(tall, [0, 1, 3, 2]), [batch * height * channels, oldWidth]);
  const wide: Tensor = reshape(matMul(planes as Tensor2D, columns, false, true), [
    batch,
    height,
    channels,
    width,
  ]);
  return transpose(wide, [0, 1, 3, 2]) as Tensor4D;
}

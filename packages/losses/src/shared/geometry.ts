import { assertSameShape, ensure } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { reshape, type Tensor, type Tensor2D, type Tensor4D } from '@tensorflow/tfjs-core';

/** Flattens a feature of any shape to one row for each example: [batch, all]. */
export function flattenFeatures(feature: Tensor): Tensor2D {
  return reshape(feature, [feature.shape[0] as number, -1]);
}

/** Flattens the spatial axes of maps: [batch, positions, channels]. */
export function flattenSpatial(maps: tf.Tensor4D): tf.Tensor3D {
  const [batch, height, width, channels] = maps.shape;
  return tf.reshape(maps, [batch, height * width, channels]);
}

/**
 * Brings maps to the smaller of both sizes, by averages over exact bins; leaves vectors as they
 * are.
 * @throws RangeError if one has vectors and the other maps.
 */
export function matchSpatialSize(
  caller: string,
  student: Tensor,
  teacher: Tensor,
): readonly [student: Tensor, teacher: Tensor] {
  const shapes = `[${student.shape.join(', ')}] and [${teacher.shape.join(', ')}]`;
  const fit =
    student.rank === teacher.rank &&
    (student.rank === 2 || student.rank === 4) &&
    student.shape[0] === teacher.shape[0];
  ensure(fit, caller, 'maps, or rows, of both of the same batch', shapes);
  return student.rank === 2
    ? [student, teacher]
    : poolToSmaller(student as Tensor4D, teacher as Tensor4D);
}

/** Mean over all of an example's features of (student − teacher)². @returns [batch], ≥ 0. */
export function meanSquaredError(caller: string, student: Tensor, teacher: Tensor): tf.Tensor1D {
  return tf.mean<tf.Tensor1D>(squaredErrors(caller, student, teacher), 1);
}

/** Sum over all of an example's features of (student − teacher)². @returns [batch], ≥ 0. */
export function sumSquaredError(caller: string, student: Tensor, teacher: Tensor): tf.Tensor1D {
  return tf.sum<tf.Tensor1D>(squaredErrors(caller, student, teacher), 1);
}

function squaredErrors(caller: string, student: Tensor, teacher: Tensor): tf.Tensor2D {
  assertSameShape(caller, 'student features', student, 'teacher features', teacher);
  return flattenFeatures(tf.square(tf.sub(student, teacher)));
}

/** Height and width of maps [batch, height, width, channels]. */
export type MapSize = readonly [height: number, width: number];

/**
 * Averages over bins that cover the maps exactly: along each side of n pixels, bin i of m goes from
 * ⌊i · n / m⌋ to ⌈(i + 1) · n / m⌉, as in PyTorch's `adaptive_avg_pool2d`. Bins share pixels if m
 * does not divide n.
 * @param maps [batch, height, width, channels].
 * @returns [batch, …size, channels]; the maps themselves if they have that size.
 */
export function adaptiveAveragePool(maps: tf.Tensor4D, size: MapSize): tf.Tensor4D {
  return resizeSides(maps, size, (lines, bins) => {
    const [outer, n, inner] = lines.shape;
    if (n % bins === 0)
      return tf.reshape(tf.mean(tf.reshape(lines, [outer * bins, n / bins, inner]), 1), [
        outer,
        bins,
        inner,
      ]);
    return multiplyLines(lines, bins, (bin, pixel) => {
      const [from, to] = [Math.floor((bin * n) / bins), Math.ceil(((bin + 1) * n) / bins)];
      return pixel >= from && pixel < to ? 1 / (to - from) : 0;
    });
  });
}

/**
 * Resizes to the nearest pixel above and to the left, ⌊i · n / m⌋, as PyTorch's
 * `interpolate(mode='nearest')`.
 * @returns [batch, …size, channels].
 */
export function resizeNearest(maps: tf.Tensor4D, size: MapSize): tf.Tensor4D {
  return resizeSides(maps, size, (lines, pixels) => {
    const [outer, n, inner] = lines.shape;
    if (pixels % n === 0)
      return tf.reshape(tf.tile(tf.reshape(lines, [outer * n, 1, inner]), [1, pixels / n, 1]), [
        outer,
        pixels,
        inner,
      ]);
    return multiplyLines(lines, pixels, (to, from) =>
      from === Math.floor((to * n) / pixels) ? 1 : 0,
    );
  });
}

/**
 * Interpolates between the two nearest pixels along each side, corners not aligned, as PyTorch's
 * `interpolate(mode='bilinear')`. @kd/models resizes images with a kernel of its own, which has no
 * gradient; this package does not import it.
 * @returns [batch, …size, channels].
 */
export function resizeBilinear(maps: tf.Tensor4D, size: MapSize): tf.Tensor4D {
  return resizeSides(maps, size, (lines, pixels) => {
    const n = lines.shape[1];
    return multiplyLines(lines, pixels, (to, from) => {
      const position = Math.min(Math.max(((to + 0.5) * n) / pixels - 0.5, 0), n - 1);
      return Math.max(1 - Math.abs(position - from), 0);
    });
  });
}

/**
 * Averages both to the smaller size along each side, whichever is the larger: how features of
 * networks with different strides are compared.
 */
export function poolToSmaller(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
): readonly [student: tf.Tensor4D, teacher: tf.Tensor4D] {
  const size: MapSize = [
    Math.min(student.shape[1], teacher.shape[1]),
    Math.min(student.shape[2], teacher.shape[2]),
  ];
  return [adaptiveAveragePool(student, size), adaptiveAveragePool(teacher, size)];
}

/** Resizes one side at a time: `along` takes [outer, n, inner] to [outer, pixels, inner]. */
function resizeSides(
  maps: tf.Tensor4D,
  [height, width]: MapSize,
  along: (lines: tf.Tensor3D, pixels: number) => tf.Tensor3D,
): tf.Tensor4D {
  const [batch, oldHeight, oldWidth, channels] = maps.shape;
  if (oldHeight === height && oldWidth === width) return maps;
  return tf.tidy(() => {
    const rows = along(tf.reshape(maps, [batch, oldHeight, oldWidth * channels]), height);
    return tf.reshape(along(tf.reshape(rows, [batch * height, oldWidth, channels]), width), [
      batch,
      height,
      width,
      channels,
    ]);
  });
}

/** Multiplies every line by the matrix [pixels, n] of shares. */
function multiplyLines(
  lines: tf.Tensor3D,
  pixels: number,
  share: (to: number, from: number) => number,
): tf.Tensor3D {
  const [outer, n] = lines.shape;
  const shares = Float32Array.from({ length: pixels * n }, (_, at) =>
    share(Math.floor(at / n), at % n),
  );
  // The matrix is tiled for each line: not all engines multiply one matrix with a batch of them.
  return tf.matMul(tf.tile(tf.tensor3d(shares, [1, pixels, n]), [outer, 1, 1]), lines);
}

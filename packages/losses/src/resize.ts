import * as tf from '@tensorflow/tfjs-core';

/** Height and width of maps [batch, height, width, channels]. */
export type MapSize = readonly [height: number, width: number];

/**
 * Averages over bins that cover the maps exactly: along each side of n pixels, bin i of m goes from
 * ⌊i · n / m⌋ to ⌈(i + 1) · n / m⌉, as in PyTorch's
 * `adaptive_avg_pool2d`. Bins share pixels where m does not divide n.
 * @param maps [batch, height, width, channels]. @returns [batch, …size, channels]; the maps
 * themselves where they have that size.
 */
export function averagedTo(maps: tf.Tensor4D, size: MapSize): tf.Tensor4D {
  return resized(maps, size, (lines, bins) => {
    const [outer, n, inner] = lines.shape;
    if (n % bins === 0)
      return tf.reshape(tf.mean(tf.reshape(lines, [outer * bins, n / bins, inner]), 1), [
        outer,
        bins,
        inner,
      ]);
    return product(lines, bins, (bin, pixel) => {
      const [from, to] = [Math.floor((bin * n) / bins), Math.ceil(((bin + 1) * n) / bins)];
      return pixel >= from && pixel < to ? 1 / (to - from) : 0;
    });
  });
}

/**
 * The nearest pixel above and to the left, ⌊i · n / m⌋, as PyTorch's `interpolate(mode='nearest')`.
 * @returns [batch, …size, channels].
 */
export function nearestTo(maps: tf.Tensor4D, size: MapSize): tf.Tensor4D {
  return resized(maps, size, (lines, pixels) => {
    const [outer, n, inner] = lines.shape;
    if (pixels % n === 0)
      return tf.reshape(tf.tile(tf.reshape(lines, [outer * n, 1, inner]), [1, pixels / n, 1]), [
        outer,
        pixels,
        inner,
      ]);
    return product(lines, pixels, (to, from) => (from === Math.floor((to * n) / pixels) ? 1 : 0));
  });
}

/**
 * Between the two nearest pixels along each side, corners not aligned, as PyTorch's
 * `interpolate(mode='bilinear')`. @returns [batch, …size, channels].
 */
export function bilinearTo(maps: tf.Tensor4D, size: MapSize): tf.Tensor4D {
  return resized(maps, size, (lines, pixels) => {
    const n = lines.shape[1];
    return product(lines, pixels, (to, from) => {
      const place = Math.min(Math.max(((to + 0.5) * n) / pixels - 0.5, 0), n - 1);
      return Math.max(1 - Math.abs(place - from), 0);
    });
  });
}

/**
 * Both at the smaller size along each side, whichever is the larger: how features of networks with
 * other strides are compared.
 */
export function atSmallerSize(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
): readonly [student: tf.Tensor4D, teacher: tf.Tensor4D] {
  const size: MapSize = [
    Math.min(student.shape[1], teacher.shape[1]),
    Math.min(student.shape[2], teacher.shape[2]),
  ];
  return [averagedTo(student, size), averagedTo(teacher, size)];
}

/** One side at a time: `along` takes [outer, n, inner] to [outer, pixels, inner]. */
function resized(
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

/** Every line times the matrix [pixels, n] of shares. */
function product(
  lines: tf.Tensor3D,
  pixels: number,
  share: (to: number, from: number) => number,
): tf.Tensor3D {
  const [outer, n] = lines.shape;
  const shares = Float32Array.from({ length: pixels * n }, (_, at) =>
    share(Math.floor(at / n), at % n),
  );
  // A copy for each line: the engines do not all multiply one matrix with a batch of them.
  return tf.matMul(tf.tile(tf.tensor3d(shares, [1, pixels, n]), [outer, 1, 1]), lines);
}

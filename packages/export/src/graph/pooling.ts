import type { GraphNodeBase, PoolNode } from '@kd/core';

/** The least float32 but −∞, which engines lose in padding: never the maximum. */
export const lowestFloat = -3.402_823_466_385_288_6e38;

/**
 * Size of a window over the number of its positions within the maps, for each window, [height,
 * width]: a mean that counts zeros around the maps, times this, does not count them.
 * @param given Shape of the maps, [height, width, channels].
 */
export function windowFactors(
  {
    shape,
    size,
    strides,
    pads,
  }: Pick<GraphNodeBase & PoolNode, 'shape' | 'size' | 'strides' | 'pads'>,
  given: readonly number[],
): Float32Array {
  const [height, width] = shape as readonly [number, number];
  const rows = countInside(height, size[0], strides[0], pads.top, given[0] as number);
  const columns = countInside(width, size[1], strides[1], pads.left, given[1] as number);
  return Float32Array.from(
    rows.flatMap((row) => columns.map((column) => (size[0] * size[1]) / (row * column))),
  );
}

/** For each window along a side, how many of its positions lie inside the map. */
function countInside(
  windows: number,
  size: number,
  stride: number,
  before: number,
  side: number,
): number[] {
  return Array.from({ length: windows }, (_, at) => {
    const start = at * stride - before;
    return Math.min(start + size, side) - Math.max(start, 0);
  });
}

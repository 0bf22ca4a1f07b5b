/**
 * A tensor with its axes in another order: axis a of the result is axis `axes[a]` of the values.
 * @param values Row-major. @param shape Of the values, at most four sides.
 */
export function permuted(
  values: Float32Array<ArrayBuffer>,
  shape: readonly number[],
  axes: readonly number[],
): Float32Array<ArrayBuffer> {
  if (axes.every((axis, at) => axis === at)) return values;
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, side) => product * side, 1),
  );
  const front = Array.from({ length: 4 - axes.length }, () => ({ side: 1, stride: 0 }));
  const loops = [
    ...front,
    ...axes.map((axis) => ({ side: shape[axis] as number, stride: strides[axis] as number })),
  ];
  const [a, b, c, d] = loops as [Loop, Loop, Loop, Loop];
  const result = new Float32Array(values.length);
  let at = 0;
  for (let i = 0; i < a.side; i++) {
    for (let j = 0; j < b.side; j++) {
      for (let k = 0; k < c.side; k++) {
        const from = i * a.stride + j * b.stride + k * c.stride;
        for (let l = 0; l < d.side; l++) result[at++] = values[from + l * d.stride] as number;
      }
    }
  }
  return result;
}

interface Loop {
  readonly side: number;
  readonly stride: number;
}

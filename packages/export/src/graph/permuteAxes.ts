/**
 * Transposes row-major values. @param order Axis a of the result is axis `order[a]` of the shape.
 * @returns A copy: kernels HWIO become OIHW by [3, 2, 0, 1].
 */
export function permuteAxes<Values extends Float32Array | Int8Array>(
  values: Values,
  shape: readonly number[],
  order: readonly number[],
): Values {
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, side) => product * side, 1),
  );
  const result = values.slice() as Values;
  let at = 0;
  const copy = (axis: number, from: number): void => {
    const source = order[axis];
    if (source === undefined) {
      result[at++] = values[from] as number;
      return;
    }
    const [side, stride] = [shape[source] as number, strides[source] as number];
    for (let index = 0; index < side; index++) copy(axis + 1, from + index * stride);
  };
  copy(0, 0);
  return result;
}

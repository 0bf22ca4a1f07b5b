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
    const source = order[axis] as number;
    const [side, stride] = [shape[source] as number, strides[source] as number];
    const end = from + side * stride;
    if (axis < order.length - 1)
      for (let position = from; position < end; position += stride) copy(axis + 1, position);
    else
      for (let position = from; position < end; position += stride)
        result[at++] = values[position] as number;
  };
  copy(0, 0);
  return result;
}

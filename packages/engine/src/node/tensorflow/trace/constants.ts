import type { TensorValues } from '../tensors.ts';

export type Numbers = Float32Array | Int32Array | Uint8Array;

/**
 * Up to here equal constants are looked for: shapes, axes, scalars, of which a graph has hundreds.
 */
const smallBytes = 256;
/**
 * From here on a constant of one value (TF.js makes zeros and ones so) is filled in at the call: as
 * a constant each would lie in memory several times over.
 */
const largeBytes = 2 ** 16;

/**
 * Equal for constants that are the same; undefined for those too large to compare, and for strings.
 */
export function constantKey(
  shape: readonly number[],
  dtype: number,
  values: TensorValues,
): string | undefined {
  if (Array.isArray(values) || values.byteLength > smallBytes) return undefined;
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return `${dtype} ${shape.join()} ${bytes.toString('latin1')}`;
}

/** Whether all of many numbers are the same. */
export function isOfOneValue(values: TensorValues): values is Numbers {
  if (Array.isArray(values) || values instanceof BigInt64Array || values.byteLength < largeBytes)
    return false;
  const [first] = values;
  return (values as Float32Array).every((value) => Object.is(value, first));
}

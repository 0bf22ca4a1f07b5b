import { ensure, type GraphTensor } from '@kd/core';

/** A kernel as integers: weight = scale · integer, the zero point is 0. */
export interface QuantizedKernel {
  /** −127 to 127, in the order of the kernel. */
  readonly values: Int8Array;
  /** One for each position along the axis, or one for all. */
  readonly scales: Float32Array;
}

export interface QuantizeKernelOptions {
  readonly bits?: 8;
  readonly symmetric?: true;
  /**
   * Whether integers go from −63 to 63, so that sums of two products fit into 16 bits, as CPUs
   * without VNNI compute them. Default false.
   */
  readonly reduceRange?: boolean;
}

/**
 * Rounds a kernel to integers of 8 bits, symmetric about zero:
 *
 *     scale = max |weight| / 127
 *     integer = round(weight / scale)
 *
 * @param axis The axis whose positions have a scale each: that of the outputs. undefined: one scale
 * for all.
 * Source: Jacob et al., "Quantization and training of neural networks for efficient
 * integer-arithmetic-only inference", CVPR 2018, section 2; a scale for each output: Krishnamoorthi,
 * "Quantizing deep convolutional networks for efficient inference", 2018, section 3.
 */
export function quantizeKernel(
  { shape, values }: GraphTensor,
  axis: number | undefined,
  { reduceRange = false }: QuantizeKernelOptions = {},
): QuantizedKernel {
  const isAxis = axis === undefined || (Number.isInteger(axis) && axis >= 0 && axis < shape.length);
  ensure(isAxis, 'quantizeKernel', `an axis of [${shape.join(', ')}]`, axis);
  const positions = axis === undefined ? 1 : (shape[axis] as number);
  const after = shape
    .slice((axis ?? shape.length) + 1)
    .reduce((product, side) => product * side, 1);
  const positionOf = (at: number): number =>
    axis === undefined ? 0 : Math.floor(at / after) % positions;
  const largest = new Float64Array(positions);
  values.forEach((value, at) => {
    const position = positionOf(at);
    largest[position] = Math.max(largest[position] as number, Math.abs(value));
  });
  const most = reduceRange ? 63 : 127;
  // Zeros, and weights so small that their scale would be 0, are 0 at any scale.
  const scales = Float32Array.from(largest, (size) => Math.fround(size / most) || 1);
  const integers = Int8Array.from(values, (value, at) => {
    const integer = Math.round(value / (scales[positionOf(at)] as number));
    return Math.max(-most, Math.min(most, integer));
  });
  return { values: integers, scales };
}

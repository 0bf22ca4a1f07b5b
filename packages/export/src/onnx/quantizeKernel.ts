import type { GraphTensor } from '@kd/core';

/** Integers and, for each output, the number that one of them stands for. */
export interface QuantizedKernel {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

export interface Calibration {
  readonly ranges: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
  readonly means: Readonly<Record<string, Float32Array>>;
}

/** Rounds a kernel to integers, each output by its largest weight. */
export function quantizeKernel(
  kernel: GraphTensor,
  axis: number | undefined,
  { reduceRange = false }: { bits: 8; symmetric: true; reduceRange?: boolean },
): QuantizedKernel {
  const outputs = axis === undefined ? 1 : (kernel.shape[axis] as number);
  const largest = new Float32Array(outputs);
  kernel.values.forEach((value, at) => {
    largest[at % outputs] = Math.max(largest[at % outputs] as number, Math.abs(value));
  });
  const scales = largest.map((size) => (size === 0 ? 1 : size / (reduceRange ? 63 : 127)));
  const values = Int8Array.from(kernel.values, (value, at) =>
    Math.round(value / (scales[at % outputs] as number)),
  );
  return { values, scales };
}

/** The bias of a node. */
export function correctBias(
  node: { readonly bias: GraphTensor },
  _quantized: QuantizedKernel,
  _means: Calibration['means'],
): Float32Array {
  return node.bias.values;
}

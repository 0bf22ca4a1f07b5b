import type { ConvolutionNode, DenseNode, GraphNodeBase } from '@kd/core';
import type { Calibration } from './calibrate.ts';
import { correctBias } from './correctBias.ts';
import {
  type QuantizedKernel,
  type QuantizeKernelOptions,
  quantizeKernel,
} from './quantizeKernel.ts';

/** A layer as integers: its kernel, and its bias in the scale of the products. */
export interface QuantizedLayer extends QuantizedKernel {
  /** Scale of input · kernel, [to]. */
  readonly products: Float32Array;
  /** [to]. */
  readonly bias: Int32Array;
}

export interface QuantizeLayerOptions extends QuantizeKernelOptions {
  /** Scale of the layer's input. */
  readonly inputScale: number;
  /** Means of the input, by which the bias is corrected; undefined: it stays as it is. */
  readonly means: Calibration['means'] | undefined;
}

/**
 * Rounds a layer to integers, each output by a scale of its own, with the bias corrected. Where a
 * bias would not fit into 32 bits, as that of an output with nearly no weights, the scale of its
 * weights is raised.
 */
export function quantizeLayer(
  node: GraphNodeBase & (ConvolutionNode | DenseNode),
  { inputScale, means, ...options }: QuantizeLayerOptions,
): QuantizedLayer {
  const { kernel } = node;
  const quantized = quantizeKernel(kernel, kernel.shape.length - 1, options);
  const corrected = means === undefined ? node.bias.values : correctBias(node, quantized, means);
  const { values, scales } = widenScales(kernel.values, quantized, corrected, inputScale);
  const products = scales.map((scale) => scale * inputScale);
  const bias = Int32Array.from(corrected, (value, to) =>
    Math.round(value / (products[to] as number)),
  );
  return { values, scales, products, bias };
}

const LARGEST_INT32 = 2 ** 31 - 1;

function widenScales(
  kernel: Float32Array,
  { values, scales }: QuantizedKernel,
  bias: Float32Array,
  inputScale: number,
): QuantizedKernel {
  const wider = scales.map((scale, to) =>
    Math.max(scale, (Math.abs(bias[to] as number) / inputScale / LARGEST_INT32) * 1.01),
  );
  const outputs = scales.length;
  return {
    values: values.map((value, at) => {
      const to = at % outputs;
      if (wider[to] === scales[to]) return value;
      return Math.round((kernel[at] as number) / (wider[to] as number));
    }),
    scales: wider,
  };
}

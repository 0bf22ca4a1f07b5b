import { permuteAxes } from '../graph/permuteAxes.ts';
import type { Calibration } from '../quantization/calibrate.ts';
import { correctBias } from '../quantization/correctBias.ts';
import { type QuantizedKernel, quantizeKernel } from '../quantization/quantizeKernel.ts';
import type { KernelLayout, KernelNode, StoredKernel } from './kernels.ts';
import type { OnnxWriter } from './onnxWriter.ts';
import type { ValueQuantization } from './quantizationPlan.ts';

export interface QuantizedKernelOptions {
  readonly calibration: Calibration;
  /** Whether kernels have 7 bits. */
  readonly reduceRange: boolean;
  /** How the input of the layer is stored. */
  readonly input: ValueQuantization;
}

/**
 * Stores a kernel as int8 with a scale for each output, and the bias, corrected, as int32 of the
 * scale of their products, each followed by its DequantizeLinear.
 */
export function storeQuantizedKernel(
  writer: OnnxWriter,
  node: KernelNode,
  { shape, order, dims, outputAxis }: KernelLayout,
  { calibration, reduceRange, input }: QuantizedKernelOptions,
): StoredKernel {
  const { kernel } = node;
  const axis = kernel.shape.length - 1;
  const quantized = quantizeKernel(kernel, axis, { reduceRange });
  const corrected = correctBias(node, quantized, calibration.means);
  const { values, scales } = widenScales(node, quantized, corrected, input.scale);
  const products = scales.map((scale) => scale * input.scale);
  const bias = Int32Array.from(corrected, (value, to) =>
    Math.round(value / (products[to] as number)),
  );
  const to = scales.length;
  const dequantize = (inputs: readonly string[], along: number, output: string): string =>
    writer.add('DequantizeLinear', inputs, writer.unique(output), { axis: along });
  const integers = writer.constant(`${node.name}.kernel`, permuteAxes(values, shape, order), dims);
  const kernelParts = [integers, writer.constant('scale', scales, [to]), writer.zeroPoints(to)];
  const biasParts = [writer.constant('bias', bias, [to]), writer.constant('scale', products, [to])];
  return {
    kernel: dequantize(kernelParts, outputAxis, 'kernel'),
    bias: dequantize(biasParts, 0, 'bias'),
  };
}

const LARGEST_INT32 = 2 ** 31 - 1;

/**
 * Raises the scale of outputs whose bias would not fit into 32 bits: those whose weights are nearly
 * zero.
 */
function widenScales(
  { kernel }: KernelNode,
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
      return Math.round((kernel.values[at] as number) / (wider[to] as number));
    }),
    scales: wider,
  };
}

/** Writes a value as uint8 and back: what runtimes compute with integers in between. */
export function writeQuantized(
  writer: OnnxWriter,
  value: string,
  { scale, zeroPoint }: ValueQuantization,
): string {
  const parameters = [writer.scalar(scale), writer.zeroPoint(zeroPoint)];
  const quantized = writer.unique('uint8');
  writer.add('QuantizeLinear', [value, ...parameters], quantized);
  return writer.add('DequantizeLinear', [quantized, ...parameters], writer.unique('value'));
}

import { permuteAxes } from '../graph/permuteAxes.ts';
import type { Calibration } from '../quantization/calibrate.ts';
import { quantizeLayer } from '../quantization/quantizeLayer.ts';
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
  const { means } = calibration;
  const quantized = quantizeLayer(node, { inputScale: input.scale, means, reduceRange });
  const { values, scales, products, bias } = quantized;
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

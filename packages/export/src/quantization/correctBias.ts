import { type ConvolutionNode, type DenseNode, ensure, type GraphNodeBase } from '@kd/core';
import type { Calibration } from './calibrate.ts';
import type { QuantizedKernel } from './quantizeKernel.ts';

/**
 * The bias of a layer without the shift that rounding its kernel gives its outputs on average:
 *
 *     bias[o] − Σₖ (quantized[k, o] − kernel[k, o]) · E[x[k]]
 *
 * E[x] is the mean of the input's channel, at the borders too.
 * @param means `calibrate(…).means`.
 * @returns [to].
 * @throws RangeError without the mean of this layer's input.
 * Source: Nagel et al., "Data-free quantization through weight equalization and bias correction",
 * ICCV 2019, section 4.2, with means that were observed.
 */
export function correctBias(
  { name, kernel, bias, ...node }: GraphNodeBase & (ConvolutionNode | DenseNode),
  { values, scales }: QuantizedKernel,
  means: Calibration['means'],
): Float32Array {
  const groups = node.kind === 'convolution' ? node.groups : 1;
  const [from, to] = kernel.shape.slice(-2) as [number, number];
  const mean = means[name];
  ensure(
    mean?.length === from * groups,
    'correctBias',
    `means of ${from * groups} input channels of ${name}`,
    mean?.length,
    'calibrate this very graph',
  );
  const shift = new Float64Array(to);
  values.forEach((integer, at) => {
    const [output, channel] = [at % to, Math.floor(at / to) % from];
    const group = Math.floor((output * groups) / to);
    const scale = scales[scales.length === 1 ? 0 : output] as number;
    const error = integer * scale - (kernel.values[at] as number);
    shift[output] = (shift[output] as number) + error * (mean[group * from + channel] as number);
  });
  return bias.values.map((value, output) => value - (shift[output] as number));
}

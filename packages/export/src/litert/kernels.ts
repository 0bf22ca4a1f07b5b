import type { ConvolutionNode, DenseNode, GraphNodeBase, GraphTensor } from '@kd/core';
import { toFloat16 } from '@kd/files';
import { permuteAxes } from '../graph/permuteAxes.ts';
import { fewestNumbers, float32Remedy } from '../graph/weights.ts';
import type { Calibration } from '../quantization/calibrate.ts';
import { quantizeKernel } from '../quantization/quantizeKernel.ts';
import { quantizeLayer } from '../quantization/quantizeLayer.ts';
import type { TensorQuantization } from './litertFile.ts';
import { bytesOf, type LiteRtWriter } from './litertWriter.ts';
import { options } from './schema.ts';

/** How kernels are stored where values are float32. */
export type LiteRtWeights = 'float32' | 'float16' | 'int8';

/**
 * Kernels of fewer numbers stay float32 beside int8 ones, as in the files of LiteRT's converter:
 * quantizing the input costs more than they save.
 */
const fewestIntegers = 1_024;

export type KernelNode = GraphNodeBase & (ConvolutionNode | DenseNode);

/** A kernel in the order of axes that LiteRT has. */
export interface KernelLayout {
  /** Axis a of the file's is axis `order[a]`. */
  readonly order: readonly number[];
  readonly shape: readonly number[];
  /** The axis of the outputs, in the file. */
  readonly outputs: number;
}

/** Numbers of the tensors of a kernel and its bias. */
export interface StoredKernel {
  readonly kernel: number;
  readonly bias: number;
}

/** Stores a kernel for float32 values. */
export function storeFloatKernel(
  writer: LiteRtWriter,
  node: KernelNode,
  layout: KernelLayout,
  form: LiteRtWeights,
): StoredKernel {
  const { name, kernel, bias } = node;
  const stored = { bias: writer.constant(`${name}/bias`, bias.values, bias.shape) };
  const path = `${name}/kernel`;
  if (form === 'int8' && kernel.values.length >= fewestIntegers) {
    const { values, scales } = quantizeKernel(kernel, kernel.shape.length - 1);
    const quantization = { scales, zeroPoint: 0, axis: layout.outputs };
    return { ...stored, kernel: storeIntegers(writer, path, kernel, values, layout, quantization) };
  }
  const values = permuteAxes(kernel.values, kernel.shape, layout.order);
  if (form !== 'float16' || kernel.values.length < fewestNumbers)
    return { ...stored, kernel: writer.constant(path, values, layout.shape) };
  const halves = toFloat16(`exportLiteRt: ${path}`, values, float32Remedy);
  const half = writer.tensor({
    name: `${path}/float16`,
    shape: layout.shape,
    type: 'float16',
    bytes: bytesOf(halves),
  });
  const converted = writer.floats({
    operator: 'DEQUANTIZE',
    name: path,
    inputs: [half],
    shape: layout.shape,
    options: options.dequantize(),
  });
  return { ...stored, kernel: converted };
}

/** Stores a kernel for int8 values; the bias is int32 of the scale of the products. */
export function storeIntegerKernel(
  writer: LiteRtWriter,
  node: KernelNode,
  layout: KernelLayout,
  input: TensorQuantization,
  means: Calibration['means'] | undefined,
): StoredKernel {
  const { name, kernel } = node;
  const inputScale = input.scales[0] as number;
  const { values, scales, products, bias } = quantizeLayer(node, { inputScale, means });
  const quantization = { scales, zeroPoint: 0, axis: layout.outputs };
  return {
    kernel: storeIntegers(writer, `${name}/kernel`, kernel, values, layout, quantization),
    bias: writer.tensor({
      name: `${name}/bias`,
      shape: node.bias.shape,
      type: 'int32',
      bytes: bytesOf(bias),
      quantization: { scales: products, zeroPoint: 0, axis: 0 },
    }),
  };
}

function storeIntegers(
  writer: LiteRtWriter,
  name: string,
  kernel: GraphTensor,
  values: Int8Array,
  { order, shape }: KernelLayout,
  quantization: TensorQuantization,
): number {
  const bytes = bytesOf(permuteAxes(values, kernel.shape, order));
  return writer.tensor({ name, shape, type: 'int8', bytes, quantization });
}

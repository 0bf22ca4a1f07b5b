import type { ConvolutionNode, DenseNode, GraphNodeBase } from '@kd/core';
import { toFloat16 } from '@kd/files';
import { permuteAxes } from '../graph/permuteAxes.ts';
import { fewestNumbers, float32Remedy } from '../graph/weights.ts';
import { quantizeKernel } from '../quantization/quantizeKernel.ts';
import { castToFloat32, isFilledWith, type OnnxWriter } from './onnxWriter.ts';

/** A layer with a kernel. */
export type KernelNode = GraphNodeBase & (ConvolutionNode | DenseNode);

/** How the kernel of a layer lies in the file. */
export interface KernelLayout {
  /** Shape of the kernel as the graph has it, outputs last; a flattened axis may be spelled out. */
  readonly shape: readonly number[];
  /** Axis a in the file is axis `order[a]` of the shape. */
  readonly order: readonly number[];
  /** Shape in the file. */
  readonly dims: readonly number[];
  /** Axis of the outputs in the file. */
  readonly outputAxis: number;
}

/** Names of values in the file, float32 where they are used. */
export interface StoredKernel {
  readonly kernel: string;
  /** Absent if it is zero. */
  readonly bias: string | undefined;
}

/** Stores kernel and bias of a layer. */
export type StoreKernel = (node: KernelNode, layout: KernelLayout) => StoredKernel;

/** How kernels are stored; all are float32 in the products. */
export type WeightForm = 'float32' | 'float16' | 'int8';

/**
 * Stores kernels as float32; or as float16 or int8 followed by a Cast (and the product with a scale
 * for each output), which runtimes fold when they load the file. DequantizeLinear is not folded by
 * ONNX Runtime 1.30 and takes 1.9 times as long.
 */
export function storeWeights(writer: OnnxWriter, form: WeightForm, caller: string): StoreKernel {
  return (node, layout) => {
    const { order, shape, dims, outputAxis } = layout;
    const name = `${node.name}.kernel`;
    const { values } = node.kernel;
    const bias = isFilledWith(node.bias, 0)
      ? undefined
      : writer.constant(`${node.name}.bias`, node.bias.values, node.bias.shape);
    if (form === 'float32' || values.length < fewestNumbers)
      return { kernel: writer.constant(name, permuteAxes(values, shape, order), dims), bias };
    if (form === 'float16') {
      // Runtimes do not look: a CPU's reads an infinite half as an infinite weight.
      const ordered = permuteAxes(values, shape, order);
      const float16 = toFloat16(`${caller}: ${name}`, ordered, float32Remedy);
      const stored = writer.constant(name, { float16 }, dims);
      return { kernel: castToFloat32(writer, stored), bias };
    }
    const quantized = quantizeKernel(node.kernel, node.kernel.shape.length - 1);
    const stored = writer.constant(name, permuteAxes(quantized.values, shape, order), dims);
    const scales = writer.constant(
      'scale',
      quantized.scales,
      dims.map((side, axis) => (axis === outputAxis ? side : 1)),
    );
    const product = writer.unique('kernel');
    return { kernel: writer.add('Mul', [castToFloat32(writer, stored), scales], product), bias };
  };
}

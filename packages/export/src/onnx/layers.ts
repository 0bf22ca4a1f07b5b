import type {
  ChannelAffineNode,
  ConvolutionNode,
  DenseNode,
  GraphNodeBase,
  GraphTensor,
} from '@kd/core';
import { type OnnxInput, type OperationContext, padsOf } from './context.ts';
import { channelShape, channelsOf, isMaps } from './layout.ts';
import { isFilledWith } from './onnxWriter.ts';

/** Writes a convolution without its activation. */
export function writeConvolution(
  node: GraphNodeBase & ConvolutionNode,
  { writer, inputs, store }: OperationContext,
  output: string,
): void {
  const [height, width, from, to] = node.kernel.shape as readonly [number, number, number, number];
  const { kernel, bias } = store(node, {
    shape: node.kernel.shape,
    order: [3, 2, 0, 1],
    dims: [to, from, height, width],
    outputAxis: 0,
  });
  const attributes = {
    kernel_shape: [height, width],
    pads: padsOf(node.pads),
    ...(isNot(node.strides, 1) && { strides: node.strides }),
    ...(isNot(node.dilations, 1) && { dilations: node.dilations }),
    ...(node.groups > 1 && { group: node.groups }),
  };
  writer.add('Conv', optional(inputs[0]?.name, kernel, bias), output, attributes, node.name);
}

/** Of vectors as Gemm, of maps as a convolution of 1 × 1, of all else as a product of matrices. */
export function writeDense(
  node: GraphNodeBase & DenseNode,
  { writer, inputs, store }: OperationContext,
  output: string,
): void {
  const [{ name, shape, flattened }] = inputs as readonly [OnnxInput];
  const [from, to] = node.kernel.shape as readonly [number, number];
  const transposed = { shape: [from, to], order: [1, 0], outputAxis: 0 };
  if (isMaps(shape)) {
    const { kernel, bias } = store(node, { ...transposed, dims: [to, from, 1, 1] });
    const attributes = { kernel_shape: [1, 1], pads: [0, 0, 0, 0] };
    writer.add('Conv', optional(name, kernel, bias), output, attributes, node.name);
  } else if (shape.length === 1) {
    const order = { shape: [...(flattened ?? []), to], order: [3, 2, 0, 1] };
    const { kernel, bias } = store(node, {
      ...transposed,
      ...(flattened !== undefined && order),
      dims: [to, from],
    });
    writer.add('Gemm', optional(name, kernel, bias), output, { transB: 1 }, node.name);
  } else {
    const layout = { shape: [from, to], order: [0, 1], dims: [from, to], outputAxis: 1 };
    const { kernel, bias } = store(node, layout);
    const product = bias === undefined ? output : writer.unique('product');
    writer.add('MatMul', [name, kernel], product, {}, node.name);
    if (bias !== undefined) writer.add('Add', [product, bias], output);
  }
}

/**
 * Of maps as a batch norm of mean 0 and variance 1, which runtimes compute in one pass; with one
 * value for all channels, and of vectors, as a product and a sum.
 */
export function writeAffine(
  { name, shape, scale, offset }: GraphNodeBase & ChannelAffineNode,
  { writer, inputs }: OperationContext,
  output: string,
): void {
  const [{ name: x }] = inputs as readonly [OnnxInput];
  const channels = channelsOf(shape);
  const isWhole = [scale, offset].every(({ values }) => values.length === channels);
  const isProduct = isFilledWith(offset, 0);
  if (isMaps(shape) && isWhole && !isProduct && channels > 1) {
    const vector = (of: string, values: Float32Array) =>
      writer.constant(`${name}.${of}`, values, [channels]);
    const scales = vector('scale', scale.values);
    const offsets = vector('offset', offset.values);
    const [mean, variance] = [0, 1].map((value) => writer.vector(value, channels)) as [
      string,
      string,
    ];
    const attributes = { epsilon: { float: 0 } };
    const parameters = [scales, offsets, mean, variance];
    writer.add('BatchNormalization', [x, ...parameters], output, attributes, name);
    return;
  }
  const constant = (of: string, tensor: GraphTensor): string => {
    const [first = 0] = tensor.values;
    if (isFilledWith(tensor, first)) return writer.scalar(first);
    return writer.constant(`${name}.${of}`, tensor.values, channelShape(shape, channels));
  };
  const isSum = isFilledWith(scale, 1);
  const product = isProduct || isSum ? output : writer.unique('product');
  if (!isSum || isProduct) writer.add('Mul', [x, constant('scale', scale)], product);
  if (!isProduct) writer.add('Add', [isSum ? x : product, constant('offset', offset)], output);
}

/** The inputs that are there. */
function optional(...names: readonly (string | undefined)[]): string[] {
  return names.filter((name) => name !== undefined);
}

function isNot(values: readonly number[], number: number): boolean {
  return values.some((value) => value !== number);
}

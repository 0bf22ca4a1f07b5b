import type { ConvolutionNode, FusedActivation, GraphTensor, Pads, PoolNode } from '@kd/core';
import {
  add,
  avgPool,
  concat,
  conv2d,
  depthwiseConv2d,
  div,
  maxPool,
  onesLike,
  pad,
  relu,
  relu6,
  reshape,
  slice,
  split,
  stack,
  type Tensor,
  type Tensor4D,
  tensor,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { lowestFloat } from './pooling.ts';

/** activation(kernel ∗ maps + bias). */
export function convolve(node: ConvolutionNode, maps: Tensor4D): Tensor {
  const padded = padMaps(maps, node.pads, 0);
  const isStrided = node.strides.some((stride) => stride > 1);
  const isDilated = node.dilations.some((dilation) => dilation > 1);
  // TF.js has no convolution that is both: the kernel is dilated with zeros.
  const isWritten = isStrided && isDilated;
  const kernel = toTensor(node.kernel) as Tensor4D;
  const filter = isWritten ? dilateKernel(kernel, node.dilations) : kernel;
  const dilations: [number, number] = isWritten ? [1, 1] : [...node.dilations];
  return activate(
    add(convolveGroups(node, padded, filter, dilations), toTensor(node.bias)),
    node.activation,
  );
}

function convolveGroups(
  node: ConvolutionNode,
  maps: Tensor4D,
  kernel: Tensor4D,
  dilations: [number, number],
): Tensor4D {
  const { groups } = node;
  const strides: [number, number] = [...node.strides];
  const [height, width, from, to] = kernel.shape;
  if (groups > 1 && from === 1) {
    const filter = reshape(kernel, [height, width, groups, to / groups]) as Tensor4D;
    return depthwiseConv2d(maps, filter, strides, 'valid', 'NHWC', dilations);
  }
  const run = (x: Tensor4D, filter: Tensor4D): Tensor4D =>
    conv2d(x, filter, strides, 'valid', 'NHWC', dilations);
  if (groups === 1) return run(maps, kernel);
  const filters = split<Tensor4D>(kernel, groups, 3);
  const parts = split<Tensor4D>(maps, groups, 3);
  return concat(
    parts.map((part, at) => run(part, filters[at] as Tensor4D)),
    3,
  );
}

/** A kernel with dilation − 1 zeros between its rows and columns. */
function dilateKernel(kernel: Tensor4D, dilations: readonly [number, number]): Tensor4D {
  return [0, 1].reduce((dilated, axis) => {
    const [zeros, side] = [(dilations[axis] as number) - 1, dilated.shape[axis] as number];
    const blank = zerosLike(dilated);
    const spread = stack([dilated, ...Array.from({ length: zeros }, () => blank)], axis + 1);
    const shape = dilated.shape.map((length, at) => (at === axis ? length * (zeros + 1) : length));
    const kept = shape.map((length, at) => (at === axis ? (side - 1) * (zeros + 1) + 1 : length));
    return slice(reshape(spread, shape), [0, 0, 0, 0], kept) as Tensor4D;
  }, kernel);
}

/** Maximum or mean over windows. */
export function pool(node: PoolNode, maps: Tensor4D): Tensor {
  const { pads, countsPadding } = node;
  const size: [number, number] = [...node.size];
  const strides: [number, number] = [...node.strides];
  if (node.function === 'max')
    return maxPool(padMaps(maps, pads, lowestFloat), size, strides, 'valid');
  const average = (x: Tensor4D): Tensor4D => avgPool(padMaps(x, pads, 0), size, strides, 'valid');
  if (countsPadding || !hasPads(pads)) return average(maps);
  return div(average(maps), average(onesLike(maps)));
}

/** The pixels 0, s, 2 s … of the rows 0, s, 2 s …. */
export function subsample(maps: Tensor4D, stride: number): Tensor4D {
  return maxPool(maps, 1, stride, 'valid');
}

function padMaps(maps: Tensor4D, pads: Pads, value: number): Tensor4D {
  if (!hasPads(pads)) return maps;
  const { top, bottom, left, right } = pads;
  const around: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  return pad(maps, around, value);
}

function hasPads({ top, bottom, left, right }: Pads): boolean {
  return top + bottom + left + right > 0;
}

/** The activation of an operation. */
export function activate(x: Tensor, activation: FusedActivation): Tensor {
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
      return relu(x);
    case 'relu6':
      return relu6(x);
    default:
      return activation satisfies never;
  }
}

/** Weights as a tensor. */
export function toTensor({ shape, values }: GraphTensor): Tensor {
  return tensor(values, [...shape]);
}

import * as tf from '@tensorflow/tfjs-core';
import {
  conv2dBackpropFilter,
  conv2dBackpropInput,
  depthwiseBackpropFilter,
  depthwiseBackpropInput,
} from './convolutionGradients.ts';

/** A kernel composed of other kernels of the same backend. */
type Composed = (inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap) => tf.Tensor;

const composed: Readonly<Record<string, Composed>> = {
  Conv2DBackpropFilter: conv2dBackpropFilter,
  Conv2DBackpropInput: conv2dBackpropInput,
  DepthwiseConv2dNativeBackpropFilter: depthwiseBackpropFilter,
  DepthwiseConv2dNativeBackpropInput: depthwiseBackpropInput,
  Einsum: einsum,
  UnsortedSegmentSum: unsortedSegmentSum,
};

/**
 * Registers kernels that a backend lacks. @param instead Kernels that it has and that ours replace,
 * since they are faster there.
 */
export function registerMissingKernels(backendName: string, instead: readonly string[] = []): void {
  for (const [kernelName, run] of Object.entries(composed)) {
    const own = tf.getKernel(kernelName, backendName);
    if (own !== undefined && !instead.includes(kernelName)) continue;
    if (own !== undefined) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => run(inputs, attrs ?? {}),
    });
  }
}

/**
 * `Einsum` of one operand or two. If both have an axis that is summed it is a matrix product; else
 * every operand is expanded to all axes of the equation, those of the output first, and their
 * product is summed over the axes that the output lacks.
 */
export function einsum(inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap): tf.Tensor {
  const operands = Object.values(inputs) as tf.Tensor[];
  const { allDims, summedDims, idDims } = tf.backend_util.decodeEinsumEquation(
    attributes.equation as string,
    operands.length,
  );
  tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, operands);
  const rank = allDims.length;
  const kept = rank - summedDims.length;
  const [left, right] = operands.map((tensor, at) => ({ tensor, axes: idDims[at] as number[] }));
  return tf.tidy(() => {
    if (left?.axes.some((axis) => axis >= kept && right?.axes.includes(axis)))
      return matrixProduct(left, right as Operand, kept);
    const product = operands
      .map((operand, at) => expandToAllAxes(operand, idDims[at] as number[], rank))
      .reduce((a, b) => tf.mul(a, b));
    const summed = summedDims.map((_, at) => kept + at);
    return summed.length === 0 ? product : tf.sum(product, summed);
  });
}

interface Operand {
  readonly tensor: tf.Tensor;
  /** Number of each of its axes in the equation: those of the output come first, in its order. */
  readonly axes: readonly number[];
}

/**
 * [shared, left, inner] · [shared, inner, right], transposed to the order of the output. @param
 * kept Number of axes of the output.
 */
function matrixProduct(left: Operand, right: Operand, kept: number): tf.Tensor {
  const [a, b] = [sumLonelyAxes(left, right, kept), sumLonelyAxes(right, left, kept)];
  const shared = a.axes.filter((axis) => axis < kept && b.axes.includes(axis));
  const inner = a.axes.filter((axis) => axis >= kept);
  const leftOnly = a.axes.filter((axis) => axis < kept && !shared.includes(axis));
  const rightOnly = b.axes.filter((axis) => axis < kept && !shared.includes(axis));
  const sizes = (operand: Operand, axes: readonly number[]): number[] =>
    axes.map((axis) => operand.tensor.shape[operand.axes.indexOf(axis)] as number);
  const product = tf.matMul(
    groupAxes(a, [shared, leftOnly, inner]),
    groupAxes(b, [shared, inner, rightOnly]),
  );
  const order = [...shared, ...leftOnly, ...rightOnly];
  const whole = tf.reshape(product, [
    ...sizes(a, shared),
    ...sizes(a, leftOnly),
    ...sizes(b, rightOnly),
  ]);
  return tf.transpose(
    whole,
    order.map((_, axis) => order.indexOf(axis)),
  );
}

/** Sums over the axes that only this operand has and the output lacks. */
function sumLonelyAxes({ tensor, axes }: Operand, other: Operand, kept: number): Operand {
  const isLonely = (axis: number): boolean => axis >= kept && !other.axes.includes(axis);
  const lonely = axes.flatMap((axis, at) => (isLonely(axis) ? [at] : []));
  return {
    tensor: lonely.length === 0 ? tensor : tf.sum(tensor, lonely),
    axes: axes.filter((axis) => !isLonely(axis)),
  };
}

/** Transposes so that the groups follow each other, with one axis for each. */
function groupAxes(
  { tensor, axes }: Operand,
  groups: readonly [readonly number[], readonly number[], readonly number[]],
): tf.Tensor3D {
  const transposed = tf.transpose(
    tensor,
    groups.flat().map((axis) => axes.indexOf(axis)),
  );
  const size = (group: readonly number[]): number =>
    group.reduce((product, axis) => product * (tensor.shape[axes.indexOf(axis)] as number), 1);
  return tf.reshape(transposed, [size(groups[0]), size(groups[1]), size(groups[2])]);
}

function expandToAllAxes(operand: tf.Tensor, axes: number[], rank: number): tf.Tensor {
  const { permutationIndices, expandDims } = tf.backend_util.getEinsumPermutation(rank, axes);
  const transposed = tf.transpose(operand, permutationIndices);
  const shape = [...transposed.shape];
  for (const axis of expandDims) shape.splice(axis, 0, 1);
  return tf.reshape(transposed, shape);
}

/**
 * `UnsortedSegmentSum`, the gradient of gather: sums the rows of x by segment, as a product with
 * one-hot rows. @returns [segments, …].
 */
export function unsortedSegmentSum(
  inputs: tf.NamedTensorInfoMap,
  attributes: tf.NamedAttrMap,
): tf.Tensor {
  const { x, segmentIds } = inputs as unknown as { x: tf.Tensor; segmentIds: tf.Tensor1D };
  const segments = attributes.numSegments as number;
  return tf.tidy(() => {
    const [rows, ...rest] = x.shape as [number, ...number[]];
    // Not tf.oneHot, which refuses a single segment.
    const membership = tf.cast(
      tf.equal(
        tf.reshape(tf.range(0, segments, 1, 'int32'), [segments, 1]),
        tf.reshape(segmentIds, [1, rows]),
      ),
      'float32',
    );
    const sums = tf.matMul(membership, tf.reshape(tf.cast(x, 'float32'), [rows, -1]));
    return tf.cast(tf.reshape(sums, [segments, ...rest]), x.dtype);
  });
}

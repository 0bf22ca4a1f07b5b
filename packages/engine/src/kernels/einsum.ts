import * as tf from '@tensorflow/tfjs-core';

/**
 * `Einsum`, of one operand or two. Where both have an axis that is summed it is a product of
 * matrices; else every operand gets all axes of the equation, outputs
 * first, and their product is summed over the axes that the output lacks.
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
      .map((operand, at) => withAllAxes(operand, idDims[at] as number[], rank))
      .reduce((a, b) => tf.mul(a, b));
    const summed = summedDims.map((_, at) => kept + at);
    return summed.length === 0 ? product : tf.sum(product, summed);
  });
}

interface Operand {
  readonly tensor: tf.Tensor;
  /** Number in the equation of each of its axes: those of the output come first, in its order. */
  readonly axes: readonly number[];
}

/**
 * [shared, left, inner] · [shared, inner, right], turned to the order of the output. @param kept
 * Axes of the output.
 */
function matrixProduct(left: Operand, right: Operand, kept: number): tf.Tensor {
  const [a, b] = [withoutLonely(left, right, kept), withoutLonely(right, left, kept)];
  const shared = a.axes.filter((axis) => axis < kept && b.axes.includes(axis));
  const inner = a.axes.filter((axis) => axis >= kept);
  const ofLeft = a.axes.filter((axis) => axis < kept && !shared.includes(axis));
  const ofRight = b.axes.filter((axis) => axis < kept && !shared.includes(axis));
  const sizes = (operand: Operand, axes: readonly number[]): number[] =>
    axes.map((axis) => operand.tensor.shape[operand.axes.indexOf(axis)] as number);
  const product = tf.matMul(
    grouped(a, [shared, ofLeft, inner]),
    grouped(b, [shared, inner, ofRight]),
  );
  const order = [...shared, ...ofLeft, ...ofRight];
  const whole = tf.reshape(product, [
    ...sizes(a, shared),
    ...sizes(a, ofLeft),
    ...sizes(b, ofRight),
  ]);
  return tf.transpose(
    whole,
    order.map((_, axis) => order.indexOf(axis)),
  );
}

/** Summed over the axes that only this operand has and the output lacks. */
function withoutLonely({ tensor, axes }: Operand, other: Operand, kept: number): Operand {
  const isLonely = (axis: number): boolean => axis >= kept && !other.axes.includes(axis);
  const lonely = axes.flatMap((axis, at) => (isLonely(axis) ? [at] : []));
  return {
    tensor: lonely.length === 0 ? tensor : tf.sum(tensor, lonely),
    axes: axes.filter((axis) => !isLonely(axis)),
  };
}

/** Transposed so that the groups follow each other, with one axis for each. */
function grouped(
  { tensor, axes }: Operand,
  groups: readonly [readonly number[], readonly number[], readonly number[]],
): tf.Tensor3D {
  const turned = tf.transpose(
    tensor,
    groups.flat().map((axis) => axes.indexOf(axis)),
  );
  const size = (group: readonly number[]): number =>
    group.reduce((product, axis) => product * (tensor.shape[axes.indexOf(axis)] as number), 1);
  return tf.reshape(turned, [size(groups[0]), size(groups[1]), size(groups[2])]);
}

function withAllAxes(operand: tf.Tensor, axes: number[], rank: number): tf.Tensor {
  const { permutationIndices, expandDims } = tf.backend_util.getEinsumPermutation(rank, axes);
  const turned = tf.transpose(operand, permutationIndices);
  const shape = [...turned.shape];
  for (const axis of expandDims) shape.splice(axis, 0, 1);
  return tf.reshape(turned, shape);
}

import * as tf from '@tensorflow/tfjs-core';

/** `Einsum`: every operand gets all axes of the equation, outputs first; their product is summed over the axes that the output lacks. */
export function einsum(inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap): tf.Tensor {
  const operands = inputs as unknown as tf.Tensor[];
  const { allDims, summedDims, idDims } = tf.backend_util.decodeEinsumEquation(attributes.equation as string, operands.length);
  tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, operands);
  const rank = allDims.length;
  return tf.tidy(() => {
    const product = operands.map((operand, at) => withAllAxes(operand, idDims[at] as number[], rank)).reduce((a, b) => tf.mul(a, b));
    const summed = summedDims.map((_, at) => rank - summedDims.length + at);
    return summed.length === 0 ? product : tf.sum(product, summed);
  });
}

function withAllAxes(operand: tf.Tensor, axes: number[], rank: number): tf.Tensor {
  const { permutationIndices, expandDims } = tf.backend_util.getEinsumPermutation(rank, axes);
  const turned = tf.transpose(operand, permutationIndices);
  const shape = [...turned.shape];
  for (const axis of expandDims) shape.splice(axis, 0, 1);
  return tf.reshape(turned, shape);
}

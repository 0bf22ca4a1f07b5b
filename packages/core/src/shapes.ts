import type { Tensor } from '@tensorflow/tfjs-core';
import { expectedError } from './errors.ts';

/**
 * Throws unless a tensor has this shape.
 * @param meaning What the tensor is, for the message: `logits [batch, classes]`.
 * @param shape null: any length of that axis.
 */
export function assertShape(
  caller: string,
  meaning: string,
  tensor: Tensor,
  shape: readonly (number | null)[],
): void {
  const fits =
    tensor.shape.length === shape.length &&
    shape.every((side, axis) => side === null || side === tensor.shape[axis]);
  if (!fits)
    throw expectedError(
      caller,
      `${meaning} of shape [${shape.map((side) => side ?? 'any').join(', ')}]`,
      `[${tensor.shape.join(', ')}]`,
    );
}

/**
 * Throws unless two tensors have the same shape.
 * @param left Name of `leftTensor`, for the message. @param right Name of `rightTensor`.
 */
export function assertSameShape(
  caller: string,
  left: string,
  leftTensor: Tensor,
  right: string,
  rightTensor: Tensor,
): void {
  const same =
    leftTensor.shape.length === rightTensor.shape.length &&
    leftTensor.shape.every((side, axis) => side === rightTensor.shape[axis]);
  if (!same) {
    throw expectedError(
      caller,
      `${left} and ${right} of the same shape`,
      `[${leftTensor.shape.join(', ')}] and [${rightTensor.shape.join(', ')}]`,
    );
  }
}

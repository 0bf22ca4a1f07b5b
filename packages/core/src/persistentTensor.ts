import {
  backend,
  type KernelBackend,
  type Rank,
  type ShapeMap,
  type Tensor,
  tensor,
  util,
} from '@tensorflow/tfjs-core';

/** A backend that has separate memory for tensors that live long. */
export interface PersistentTensorBackend extends KernelBackend {
  /**
   * Creates a tensor as the function `persistentTensor` does.
   * @returns undefined, without a call of `write`, if a JavaScript array would do as well.
   */
  persistentTensor<R extends Rank>(
    shape: ShapeMap[R],
    write: (values: Float32Array) => void,
  ): Tensor<R> | undefined;
}

/**
 * Creates a tensor that lives long, such as a weight. If the engine can, the values are written
 * directly into their final memory, apart from the tensors that come and go with each step: no
 * JavaScript array is needed beside it.
 * @param write Writes all values into the array, which is zero before. The array must not be kept:
 * it may be the tensor's own memory, and reading it after the tensor is freed would crash the
 * process.
 * @returns float32; the caller owns it.
 */
export function persistentTensor<R extends Rank>(
  shape: ShapeMap[R],
  write: (values: Float32Array) => void,
): Tensor<R> {
  const created = (backend() as Partial<PersistentTensorBackend>).persistentTensor?.<R>(
    shape,
    write,
  );
  if (created !== undefined) return created;
  const values = new Float32Array(util.sizeFromShape(shape));
  write(values);
  return tensor<R>(values, shape, 'float32');
}

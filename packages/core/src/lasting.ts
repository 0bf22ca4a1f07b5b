import {
  backend,
  type KernelBackend,
  type Rank,
  type ShapeMap,
  type Tensor,
  tensor,
  util,
} from '@tensorflow/tfjs-core';

/** A backend that has memory of its own for what stays. */
export interface PersistentTensorBackend extends KernelBackend {
  /**
   * See `persistentTensor`. @returns undefined, with nothing written, where an array of
   * JavaScript's is as good.
   */
  lasting<R extends Rank>(
    shape: ShapeMap[R],
    write: (values: Float32Array) => void,
  ): Tensor<R> | undefined;
}

/**
 * A tensor that stays for long, such as a weight. Where the engine can, its values are written
 * where they will lie, apart from what comes and goes with
 * each step: no array of JavaScript's is needed beside it.
 * @param write Writes all values. The array is zero before, and nobody's afterwards: it may be the
 * tensor's own memory, and gone with it. Whoever kept it would crash the process.
 * @returns float32, the caller's.
 */
export function persistentTensor<R extends Rank>(
  shape: ShapeMap[R],
  write: (values: Float32Array) => void,
): Tensor<R> {
  const made = (backend() as Partial<PersistentTensorBackend>).lasting?.<R>(shape, write);
  if (made !== undefined) return made;
  const values = new Float32Array(util.sizeFromShape(shape));
  write(values);
  return tensor<R>(values, shape, 'float32');
}

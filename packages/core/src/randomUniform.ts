import * as tf from '@tensorflow/tfjs-core';
import { ensure } from './errors.ts';
import { hashName, philox } from './random.ts';
import { assertShape } from './shapes.ts';

/**
 * The name of the kernel that an engine may register to draw on its device:
 *   inputs  seed int32 [2]
 *   attrs   shape number[]
 *   outputs float32 of that shape, to the last bit what is computed here
 * It has no gradient: a seed is not differentiated.
 */
const kernelName = 'KdRandomUniform';

/**
 * Random numbers that depend on the shape and the seed only: the same on every engine, to the last
 * bit, in and out of a compiled function.
 *
 * They are those of TensorFlow's `StatelessRandomUniform`: the seed is scrambled into key and
 * counter by one block of Philox 4×32-10, and word i mod 4
 * of block ⌊i / 4⌋ gives number i, of which 23 bits count.
 * @param seed int32 [2], such as `mode.seed` with `foldIn`.
 * @returns float32 in [0, 1), multiples of 2⁻²³; the caller owns it.
 * Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011;
 * tensorflow/core/kernels/stateless_random_ops.cc.
 */
export function randomUniform(shape: readonly number[], seed: tf.Tensor1D): tf.Tensor {
  expectSeed('randomUniform', seed);
  if (tf.getKernel(kernelName, tf.getBackend()) !== undefined) {
    return tf.engine().runKernel(kernelName, { seed }, { shape: [...shape] }) as tf.Tensor;
  }
  return tf.tensor(
    drawn(tf.util.sizeFromShape([...shape]), seed.dataSync()),
    [...shape],
    'float32',
  );
}

/**
 * A seed of its own for something that has a name, such as a layer: a function of tensors, for the
 * seed is one that is not known yet when a step is compiled.
 * @param seed int32 [2]. @returns int32 [2]; the caller owns it.
 */
export function foldIn(seed: tf.Tensor1D, name: string): tf.Tensor1D {
  expectSeed('foldIn', seed);
  // int32 wraps round on every engine, so that the sum is another seed for each name; what draws
  // from it scrambles it.
  return tf.tidy(() => tf.add(seed, tf.tensor1d([hashName(name) | 0, 0], 'int32')));
}

function expectSeed(caller: string, seed: tf.Tensor1D): void {
  assertShape(caller, 'a seed', seed, [2]);
  ensure(seed.dtype === 'int32', caller, 'a seed of type int32', seed.dtype);
}

function drawn(count: number, seed: ArrayLike<number>): Float32Array {
  const words = new Uint32Array(4);
  const [low0, low1] = [seed[0] as number, seed[1] as number];
  // The seeds are widened to 64 bits with their signs, and the key is TensorFlow's constant.
  philox(low0, low0 >> 31, low1, low1 >> 31, 0x3ec8f720, 0x02461e29, words);
  const [key0, key1, high0, high1] = words as unknown as [number, number, number, number];
  const values = new Float32Array(count);
  for (let at = 0; at < count; at++) {
    if (at % 4 === 0) philox(at / 4, 0, high0, high1, key0, key1, words);
    values[at] = ((words[at % 4] as number) & 0x7fffff) / 2 ** 23;
  }
  return values;
}

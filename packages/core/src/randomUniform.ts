import * as tf from '@tensorflow/tfjs-core';
import { ensure } from './errors.ts';
import { hashName, philox } from './random.ts';
import { assertShape } from './shapes.ts';

/**
 * Name of the kernel that an engine may register to draw on its device:
 *   inputs  seed int32 [2]
 *   attrs   shape number[]
 *   outputs float32 of that shape, equal to the last bit to what is computed here
 * It has no gradient: a seed is not differentiated.
 */
const kernelName = 'KdRandomUniform';

/**
 * Draws uniform random numbers that depend on the shape and the seed only: they are the same on
 * every engine, to the last bit, inside and outside of compiled functions.
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
  return tf.tensor(draw(tf.util.sizeFromShape([...shape]), seed.dataSync()), [...shape], 'float32');
}

/**
 * Derives a seed for something that has a name, such as a layer. It works on tensors, since the
 * seed
 * of a step is not known when the step is compiled.
 * @param seed int32 [2]. @returns int32 [2]; the caller owns it.
 */
export function foldIn(seed: tf.Tensor1D, name: string): tf.Tensor1D {
  expectSeed('foldIn', seed);
  // int32 wraps around on every engine, so that the sum is another seed for each name; drawing
  // scrambles it.
  return tf.tidy(() => tf.add(seed, tf.tensor1d([hashName(name) | 0, 0], 'int32')));
}

function expectSeed(caller: string, seed: tf.Tensor1D): void {
  assertShape(caller, 'a seed', seed, [2]);
  ensure(seed.dtype === 'int32', caller, 'a seed of type int32', seed.dtype);
}

function draw(count: number, seed: ArrayLike<number>): Float32Array {
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

import { deriveSeed } from '@kd/core';
import { boxMuller, persistentTensor, philox4x32 } from '@kd/core/internal';
import {
  type Rank,
  type ShapeMap,
  type Tensor,
  type Variable,
  variable,
} from '@tensorflow/tfjs-core';

/** Fan in and fan out of a layer: input and output channels, each times the kernel's area. */
export interface LayerFans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/**
 * Writes the initial values of a weight: a function of (seed, position) alone, in plain
 * JavaScript, hence the same numbers on every engine. The array holds zeros before the call and
 * must not be used after it (`persistentTensor`).
 */
export type Initializer = (fans: LayerFans, seed: number, values: Float32Array) => void;

/**
 * Normal with std √(2 / fanOut): for convolutions with a ReLU behind them.
 *
 * TensorFlow.js and Keras have a `heNormal` that divides by fan *in* and truncates at two standard
 * deviations: another initializer. This one is PyTorch's `kaiming_normal_(mode='fan_out')`, as in
 * torchvision's ResNet.
 *
 * Source: He et al., "Delving deep into rectifiers", ICCV 2015, eq. 14.
 */
export const kaimingNormalFanOut: Initializer = ({ fanOut }, seed, values) => {
  const std = Math.sqrt(2 / fanOut);
  fillWithRandom(
    values,
    2,
    seed,
    (words, at) =>
      std * boxMuller((words[2 * at] as number) / 2 ** 32, (words[2 * at + 1] as number) / 2 ** 32),
  );
};

/** Uniform in ±1/√fanIn: the default of PyTorch's Conv2d and Linear, for kernel and bias. */
export const torchDefaultUniform: Initializer = ({ fanIn }, seed, values) => {
  const bound = 1 / Math.sqrt(fanIn);
  fillWithRandom(
    values,
    4,
    seed,
    (words, at) => ((2 * (words[at] as number)) / 2 ** 32 - 1) * bound,
  );
};

/**
 * Fills an array from the numbers of `uniform(seed, 0, i)` of @kd/core, four random words at a time
 * and without calls in between: a large network is created sooner.
 * @param perBlock How many values four words give.
 */
function fillWithRandom(
  values: Float32Array,
  perBlock: number,
  seed: number,
  value: (words: Uint32Array, at: number) => number,
): void {
  const words = new Uint32Array(4);
  for (let start = 0; start < values.length; start += perBlock) {
    philox4x32(seed, 0, start / perBlock, words);
    for (let at = 0; at < perBlock && start + at < values.length; at++)
      values[start + at] = value(words, at);
  }
}

/**
 * A trainable variable, initialized from the network's seed and the weight's name. The name is part
 * of the random stream: another one gives other numbers. TF.js numbers its own variable names, so
 * equal layer names never clash.
 */
export function initializedVariable<R extends Rank>(
  name: string,
  shape: ShapeMap[R],
  fans: LayerFans,
  initializer: Initializer,
  seed: number,
): Variable<R> {
  const ownSeed = deriveSeed(seed, name, 0);
  return ownedVariable(
    persistentTensor<R>(shape, (values) => initializer(fans, ownSeed, values)),
    true,
  );
}

/** A variable with the values of a tensor, which is freed. */
export function ownedVariable<R extends Rank>(values: Tensor<R>, trainable: boolean): Variable<R> {
  const created = variable(values, trainable);
  values.dispose();
  return created;
}

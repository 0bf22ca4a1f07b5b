import { deriveSeed, persistentTensor, philox4x32 } from '@kd/core';
import {
  type Rank,
  type ShapeMap,
  type Tensor,
  type Variable,
  variable,
} from '@tensorflow/tfjs-core';

/** Inputs and outputs of one unit: channels × kernel area. */
export interface LayerFans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/**
 * Writes the first values of a weight: a function of (seed, position) alone, in plain JavaScript,
 * hence equal on every engine. The array is zero before, and must not be kept (`persistentTensor`).
 */
export type Initializer = (fans: LayerFans, seed: number, values: Float32Array) => void;

/**
 * Normal with deviation √(2 / fanOut): for convolutions that a ReLU follows.
 *
 * Source: He et al., "Delving deep into rectifiers", ICCV 2015, eq. 14;
 * `kaiming_normal_(mode='fan_out')` in torchvision's ResNet.
 */
export const kaimingNormalFanOut: Initializer = ({ fanOut }, seed, values) => {
  const deviation = Math.sqrt(2 / fanOut);
  const gaussian = (first: number, second: number) =>
    deviation * (Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second));
  drawInto(values, 2, seed, (four, at) =>
    gaussian((four[2 * at] as number) / 2 ** 32, (four[2 * at + 1] as number) / 2 ** 32),
  );
};

/** Uniform in ±1/√fanIn: what PyTorch's Conv2d and Linear start with, kernel and bias alike. */
export const torchDefaultUniform: Initializer = ({ fanIn }, seed, values) => {
  const bound = 1 / Math.sqrt(fanIn);
  drawInto(values, 4, seed, (four, at) => ((2 * (four[at] as number)) / 2 ** 32 - 1) * bound);
};

/**
 * Values from `uniform(seed, 0, i)`, four draws at a time, with nothing between: a large network
 * then starts sooner. @param each How many values four draws give.
 */
function drawInto(
  values: Float32Array,
  each: number,
  seed: number,
  value: (four: Uint32Array, at: number) => number,
): void {
  const four = new Uint32Array(4);
  for (let start = 0; start < values.length; start += each) {
    philox4x32(seed, 0, start / each, four);
    for (let at = 0; at < each && start + at < values.length; at++)
      values[start + at] = value(four, at);
  }
}

/**
 * A trainable variable drawn from the seed and the weight's name. TF.js numbers its own variable
 * names, so that equal layer names never clash.
 */
export function drawnVariable<R extends Rank>(
  name: string,
  shape: ShapeMap[R],
  fans: LayerFans,
  initial: Initializer,
  seed: number,
): Variable<R> {
  const own = deriveSeed(seed, name, 0);
  return ownedVariable(
    persistentTensor<R>(shape, (values) => initial(fans, own, values)),
    true,
  );
}

/** A variable that takes the tensor over. */
export function ownedVariable<R extends Rank>(values: Tensor<R>, trainable: boolean): Variable<R> {
  const made = variable(values, trainable);
  values.dispose();
  return made;
}

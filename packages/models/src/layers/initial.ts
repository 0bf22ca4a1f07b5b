import { deriveSeed, drawFour } from '@kd/core';
import { type Rank, type ShapeMap, type Tensor, tensor, type Variable, variable } from '@tensorflow/tfjs-core';

/** Inputs and outputs of one unit: channels × kernel area. */
export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/** The first values of a weight: a function of (seed, position) alone, in plain JavaScript, hence equal on every engine. */
export type Initial = (fans: Fans, seed: number, count: number) => Float32Array;

/**
 * Normal with deviation √(2 / fanOut): for convolutions that a ReLU follows.
 *
 * Source: He et al., "Delving deep into rectifiers", ICCV 2015, eq. 14; `kaiming_normal_(mode='fan_out')` in torchvision's ResNet.
 */
export const heNormal: Initial = ({ fanOut }, seed, count) => {
  const deviation = Math.sqrt(2 / fanOut);
  const drawn = uniforms(seed, 2 * count);
  const gaussian = (first: number, second: number) => Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second);
  const values = new Float32Array(count);
  for (let at = 0; at < count; at++) values[at] = deviation * gaussian(drawn[2 * at] as number, drawn[2 * at + 1] as number);
  return values;
};

/** Uniform in ±1/√fanIn: what PyTorch's Conv2d and Linear start with, kernel and bias alike. */
export const uniformFanIn: Initial = ({ fanIn }, seed, count) => {
  const bound = 1 / Math.sqrt(fanIn);
  return Float32Array.from(uniforms(seed, count), (value) => (2 * value - 1) * bound);
};

/** `uniform(seed, 0, i)` for i from 0, four at a time: a large network then starts three times sooner. */
function uniforms(seed: number, count: number): Float64Array {
  const out = new Float64Array(count);
  const four = new Uint32Array(4);
  for (let at = 0; at < count; at++) {
    if (at % 4 === 0) drawFour(seed, 0, at / 4, four);
    out[at] = (four[at % 4] as number) / 2 ** 32;
  }
  return out;
}

/** A trainable variable drawn from the seed and the weight's name. TF.js numbers its own variable names, so that equal layer names never clash. */
export function drawnVariable<R extends Rank>(name: string, shape: ShapeMap[R], fans: Fans, initial: Initial, seed: number): Variable<R> {
  const own = deriveSeed(seed, name, 0);
  const values = initial(
    fans,
    own,
    shape.reduce((size, side) => size * side, 1),
  );
  return ownedVariable(tensor<R>(values, shape, 'float32'), true);
}

/** A variable that takes the tensor over. */
export function ownedVariable<R extends Rank>(values: Tensor<R>, trainable: boolean): Variable<R> {
  const made = variable(values, trainable);
  values.dispose();
  return made;
}

import { expectedError, foldIn, randomUniform } from '@kd/core';
import {
  add,
  cos,
  log,
  mul,
  sqrt,
  sub,
  type Tensor,
  type Tensor1D,
  tidy,
} from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { applyDropout, keepMask } from '../layers/dropout.ts';

type KerasLayer = InstanceType<typeof layers.Layer>;
type Call = KerasLayer['call'];

/**
 * Seeds of one forward pass through a model of TF.js; passed along in the arguments of every
 * layer's call.
 */
interface StepSeeds {
  /** Another seed at every call. */
  next(layer: string): Tensor1D;
}

/**
 * x with noise, in training.
 * @param strength Rate or standard deviation.
 * @param shape Shape of the random numbers.
 */
type ApplyNoise = (x: Tensor, strength: number, shape: readonly number[], seed: Tensor1D) => Tensor;

/** The layers of TF.js that draw random numbers in JavaScript, by class name. */
const stochasticLayers: Readonly<
  Record<string, { readonly option: 'rate' | 'stddev'; readonly apply: ApplyNoise }>
> = {
  Dropout: { option: 'rate', apply: applyDropout },
  SpatialDropout1D: { option: 'rate', apply: applyDropout },
  GaussianDropout: {
    option: 'rate',
    apply: (x, rate, shape, seed) =>
      mul(x, add(1, mul(Math.sqrt(rate / (1 - rate)), randomNormal(shape, seed)))),
  },
  GaussianNoise: {
    option: 'stddev',
    apply: (x, std, shape, seed) => add(x, mul(std, randomNormal(shape, seed))),
  },
  AlphaDropout: { option: 'rate', apply: applyAlphaDropout },
};

/**
 * Makes the dropout and noise layers of a model draw from `kwargs.stepSeeds`, as `dropout` of this
 * package does: on the device, and anew at every call of a compiled function, where numbers drawn
 * in JavaScript would be constants. Calls without `stepSeeds`, such as those of `model.fit`, are
 * unchanged.
 * @returns Whether the model has such layers.
 */
export function seedStochasticLayers(model: LayersModel): boolean {
  const found = layersWithin(model).filter(isStochastic);
  for (const layer of found) {
    const { option, apply } = stochasticLayers[
      layer.getClassName()
    ] as (typeof stochasticLayers)[string];
    const strength = layer.getConfig()[option] as number;
    const originalCall: Call = layer.call.bind(layer);
    layer.call = (inputs, kwargs) => {
      const seeds = kwargs.stepSeeds as StepSeeds | undefined;
      const [x] = [inputs].flat() as [Tensor];
      if (seeds === undefined || kwargs.training !== true) return originalCall(inputs, kwargs);
      return tidy(() => apply(x, strength, noiseShape(layer, x), seeds.next(layer.name)));
    };
  }
  return found.length > 0;
}

/**
 * Seeds of one pass: by the layer's name, and by the number of its call if a model uses it several
 * times. The names are part of the random streams: others give other numbers.
 */
export function createStepSeeds(seed: Tensor1D): StepSeeds {
  const calls = new Map<string, number>();
  return {
    next(layer) {
      const call = calls.get(layer) ?? 0;
      calls.set(layer, call + 1);
      return foldIn(seed, call === 0 ? layer : `${layer}#${call}`);
    },
  };
}

/** @throws Error on a layer that draws in JavaScript in training and cannot be seeded. */
export function refuseUnseededLayers(model: LayersModel): void {
  for (const layer of layersWithin(model)) {
    const kind = layer.getClassName();
    const { dropout = 0, recurrentDropout = 0 } = layer.getConfig() as {
      dropout?: number;
      recurrentDropout?: number;
    };
    if (dropout > 0 || recurrentDropout > 0 || kind === 'RandomWidth' || kind === 'RandomHeight') {
      throw expectedError(
        'fromLayersModel',
        'layers whose randomness can be compiled in training',
        `${kind} ${layer.name}`,
        'put a dropout layer behind it',
      );
    }
  }
}

/** All layers of a model, those of inner models and wrapped layers included. */
function layersWithin(outer: KerasLayer): KerasLayer[] {
  const { layers: inner = [], layer: wrapped } = outer as KerasLayer & {
    layers?: KerasLayer[];
    layer?: KerasLayer;
  };
  return [...inner, ...(wrapped === undefined ? [] : [wrapped])].flatMap((layer) => [
    layer,
    ...layersWithin(layer),
  ]);
}

function isStochastic(layer: KerasLayer): boolean {
  const kind = layer.getClassName();
  const noise = Object.hasOwn(stochasticLayers, kind) ? stochasticLayers[kind] : undefined;
  return noise !== undefined && (layer.getConfig()[noise.option] as number) > 0;
}

/** Dropout may share random numbers along axes: a null in its `noiseShape` is a side of x. */
function noiseShape(layer: KerasLayer, x: Tensor): number[] {
  if (layer.getClassName() === 'SpatialDropout1D')
    return [x.shape[0] as number, 1, x.shape[2] as number];
  const shape = (layer as KerasLayer & { noiseShape?: (number | null)[] }).noiseShape;
  return x.shape.map((side, axis) => shape?.[axis] ?? side);
}

/** Standard normal numbers, by the Box–Muller transform of two uniform ones. */
function randomNormal(shape: readonly number[], seed: Tensor1D): Tensor {
  // `radius` and `angle` name random streams: others give other numbers.
  const radius = sqrt(mul(-2, log(sub(1, randomUniform(shape, foldIn(seed, 'radius'))))));
  return mul(radius, cos(mul(2 * Math.PI, randomUniform(shape, foldIn(seed, 'angle')))));
}

/**
 * Sets dropped activations to SELU's lower limit, and scales and shifts all of them so that mean
 * and variance stay.
 * Source: Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, section 3.
 */
function applyAlphaDropout(
  x: Tensor,
  rate: number,
  shape: readonly number[],
  seed: Tensor1D,
): Tensor {
  const limit = -1.6732632423543772 * 1.0507009873554805;
  const scale = 1 / Math.sqrt((1 - rate) * (1 + rate * limit ** 2));
  const mask = keepMask(rate, shape, seed);
  return add(mul(scale, add(mul(x, mask), mul(limit, sub(1, mask)))), -scale * limit * rate);
}

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
import { drop, kept } from './layers/dropout.ts';

type KerasLayer = InstanceType<typeof layers.Layer>;
type Call = KerasLayer['call'];

/**
 * Where a pass through a model of TF.js draws from; it travels with the arguments of every layer's
 * call.
 */
interface Draws {
  /** Another seed at every call. */
  next(layer: string): Tensor1D;
}

/** x with noise, in training. @param rate Or the deviation. @param shape Of what is drawn. */
type Noise = (x: Tensor, rate: number, shape: readonly number[], seed: Tensor1D) => Tensor;

/** The layers of TF.js that draw in JavaScript, by their kind. */
const noises: Readonly<
  Record<string, { readonly option: 'rate' | 'stddev'; readonly make: Noise }>
> = {
  Dropout: { option: 'rate', make: drop },
  SpatialDropout1D: { option: 'rate', make: drop },
  GaussianDropout: {
    option: 'rate',
    make: (x, rate, shape, seed) =>
      mul(x, add(1, mul(Math.sqrt(rate / (1 - rate)), normals(shape, seed)))),
  },
  GaussianNoise: {
    option: 'stddev',
    make: (x, deviation, shape, seed) => add(x, mul(deviation, normals(shape, seed))),
  },
  AlphaDropout: { option: 'rate', make: alphaDrop },
};

/**
 * Lets the dropout and noise of a model draw as ours does, from `kwargs.draws`: on the device, and
 * anew at every call of a compiled function, where what
 * JavaScript draws would stay the same for ever. Calls without `draws`, such as those of
 * `model.fit`, are left as they were.
 * @returns Whether the model draws.
 */
export function redirectNoise(model: LayersModel): boolean {
  const drawing = layersWithin(model).filter(draws);
  for (const layer of drawing) {
    const { option, make } = noises[layer.getClassName()] as (typeof noises)[string];
    const strength = layer.getConfig()[option] as number;
    const stock: Call = layer.call.bind(layer);
    layer.call = (inputs, kwargs) => {
      const given = kwargs.draws as Draws | undefined;
      const [x] = [inputs].flat() as [Tensor];
      if (given === undefined || kwargs.training !== true) return stock(inputs, kwargs);
      return tidy(() => make(x, strength, noiseShape(layer, x), given.next(layer.name)));
    };
  }
  return drawing.length > 0;
}

/**
 * The seeds of one pass: by the layer's name, and by the count of its calls where a model uses it
 * several times.
 */
export function drawsFrom(seed: Tensor1D): Draws {
  const calls = new Map<string, number>();
  return {
    next(layer) {
      const call = calls.get(layer) ?? 0;
      calls.set(layer, call + 1);
      return foldIn(seed, call === 0 ? layer : `${layer}#${call}`);
    },
  };
}

/** @throws Error where a layer draws in JavaScript in training and cannot be redirected. */
export function refuseOtherNoise(model: LayersModel): void {
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

/** Of a model and of the models and wrapped layers inside it. */
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

function draws(layer: KerasLayer): boolean {
  const noise = Object.hasOwn(noises, layer.getClassName())
    ? noises[layer.getClassName()]
    : undefined;
  return noise !== undefined && (layer.getConfig()[noise.option] as number) > 0;
}

/** Dropout may draw less than it drops: a null in its `noiseShape` is a side of the input. */
function noiseShape(layer: KerasLayer, x: Tensor): number[] {
  if (layer.getClassName() === 'SpatialDropout1D')
    return [x.shape[0] as number, 1, x.shape[2] as number];
  const shape = (layer as KerasLayer & { noiseShape?: (number | null)[] }).noiseShape;
  return x.shape.map((side, axis) => shape?.[axis] ?? side);
}

/** Standard normal, by Box and Muller's transform of two uniforms. */
function normals(shape: readonly number[], seed: Tensor1D): Tensor {
  const radius = sqrt(mul(-2, log(sub(1, randomUniform(shape, foldIn(seed, 'radius'))))));
  return mul(radius, cos(mul(2 * Math.PI, randomUniform(shape, foldIn(seed, 'angle')))));
}

/**
 * Dropped activations become SELU's lower limit, and all are scaled and shifted so that mean and
 * variance stay.
 * Source: Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, section 3.
 */
function alphaDrop(x: Tensor, rate: number, shape: readonly number[], seed: Tensor1D): Tensor {
  const limit = -1.6732632423543772 * 1.0507009873554805;
  const scale = 1 / Math.sqrt((1 - rate) * (1 + rate * limit ** 2));
  const mask = kept(rate, shape, seed);
  return add(mul(scale, add(mul(x, mask), mul(limit, sub(1, mask)))), -scale * limit * rate);
}

import { expectedError, type ForwardOptions, type LayerSummary, type Stateful } from '@kd/core';
import {
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';
import type { Part } from './parts.ts';

/** A piece of a network: variables by their full names, and what it does to activations. */
export interface Layer extends Stateful {
  /** Where it is in the network: `stage1.block0.conv1`. */
  readonly name: string;
  /** Channels that come out; absent where as many come out as go in. */
  readonly channels?: number;
  /**
   * Input pixels per output pixel along one side; 1 where the size stays, 0 where a vector [batch,
   * channels] comes out.
   */
  readonly stride: number;
  /** @returns A new tensor that the caller owns; `x` is left alone. */
  apply(x: Tensor, mode: ForwardOptions): Tensor;
  /** What it does at inference, for a folded network; absent: it runs there as it is. */
  readonly parts?: readonly Part[];
}

/**
 * A layer still without name and numbers. What `convolution(…)` and its like return; a layer of
 * your own is one function of this type.
 */
export type LayerFactory = (name: string, seed: number) => Layer;

/**
 * A layer without weights that only computes: `elementwise((x) => tf.elu(x))`. It is not told to
 * observers.
 */
export function elementwise(compute: (x: Tensor) => Tensor): LayerFactory {
  return (name) => ({ name, weights: {}, stride: 1, apply: compute });
}

/**
 * Applies a layer. Weights of a layer that tells observers nothing are told here, with unknown
 * (NaN) multiply-adds.
 */
export function applyLayer(layer: Layer, x: Tensor, mode: ForwardOptions): Tensor {
  const { onLayer: observe } = mode;
  if (observe === undefined) return layer.apply(x, mode);
  let told = false;
  const listen = (report: LayerSummary) => {
    told = true;
    observe(report);
  };
  const y = layer.apply(x, { ...mode, onLayer: listen });
  if (!told && Object.keys(layer.weights).length > 0) {
    observe({
      name: layer.name,
      kind: 'custom',
      outputShape: y.shape.slice(1),
      parameters: countTrainable(layer.weights),
      macs: Number.NaN,
    });
  }
  return y;
}

/**
 * Several layers one after another; the inner activations are freed (after the backward pass, where
 * there is one).
 */
export function applyInOrder(layers: readonly Layer[], x: Tensor, mode: ForwardOptions): Tensor {
  return tidy(() => layers.reduce((activations, layer) => applyLayer(layer, activations, mode), x));
}

/** What comes out of some layers in a row, and what was tapped on the way. */
export interface Activations {
  readonly activations: Tensor;
  readonly features: Readonly<Record<string, Tensor>>;
}

/**
 * Several layers one after another, in the caller's tidy. @param taps Names of layers whose outputs
 * become `features`.
 */
export function applyTapped(
  layers: readonly Layer[],
  x: Tensor,
  taps: ReadonlySet<string>,
  mode: ForwardOptions,
): Activations {
  const features: Record<string, Tensor> = {};
  let activations = x;
  for (const layer of layers) {
    activations = applyLayer(layer, activations, mode);
    if (taps.has(layer.name)) features[layer.name] = activations;
  }
  return { activations, features };
}

/** Throws unless x is [batch, height, width, channels]. @param channels null: any. */
export function expectMaps(caller: string, x: Tensor, channels: number | null): Tensor4D {
  if (x.rank !== 4 || (channels !== null && x.shape[3] !== channels)) {
    throw expectedError(
      caller,
      `feature maps [batch, height, width, ${channels ?? 'channels'}]`,
      `[${x.shape.join(', ')}]`,
    );
  }
  return x as Tensor4D;
}

/** Throws unless x is [batch, channels]. */
export function expectVectors(caller: string, x: Tensor, channels: number): Tensor2D {
  if (x.rank !== 2 || x.shape[1] !== channels) {
    throw expectedError(
      caller,
      `vectors [batch, ${channels}]`,
      `[${x.shape.join(', ')}]`,
      'pool or flatten the maps before, and count the channels again',
    );
  }
  return x as Tensor2D;
}

/** Numbers in the variables that train. */
export function countTrainable(weights: Readonly<Record<string, Variable>>): number {
  return Object.values(weights).reduce(
    (sum, weight) => sum + (weight.trainable ? weight.size : 0),
    0,
  );
}

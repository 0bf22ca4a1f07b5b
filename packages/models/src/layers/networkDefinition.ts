import {
  ensure,
  expectedError,
  type FeatureInfo,
  type Network,
  type StateDictKeyMap,
} from '@kd/core';
import type { Tensor, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import type { NetworkInput, WithGraphSource } from './graphSource.ts';
import type { Layer } from './layer.ts';

/** The layers of a network and what is known of them: all that a forward pass is built from. */
export interface NetworkDefinition {
  readonly name: string;
  readonly layers: readonly Layer[];
  /** Preprocesses the images. @returns The input of the first layer. */
  readonly prepare: (images: Tensor4D) => Tensor;
  /** What `prepare` takes and does. */
  readonly input: NetworkInput;
  /** Describes `prepare`; part of the network's fingerprint. */
  readonly preprocessing: string;
  /** Keyed by the names of the tapped layers. */
  readonly taps: Readonly<Record<string, FeatureInfo>>;
  readonly keyMaps?: Readonly<Record<string, StateDictKeyMap>> | undefined;
  /** The variables that train while nothing is frozen. */
  readonly trainable: ReadonlySet<Variable>;
}

/** A network with known layers, as `createNetwork` returns it. */
export interface LayeredNetwork extends Network, WithGraphSource {
  readonly definition: NetworkDefinition;
  /** Whether `dispose` frees the weights. */
  readonly ownsWeights: boolean;
  /** Frees the variables of `inference()`, if it was called. */
  disposeInference(): void;
}

/** @throws RangeError on a network whose layers are not known. */
export function asLayered(caller: string, network: Network): LayeredNetwork {
  if (!('definition' in network))
    throw expectedError(
      caller,
      'a network of createNetwork, whose layers are known',
      network.name ?? 'another',
    );
  return network as LayeredNetwork;
}

/** The first layers of a network: all before its head, or up to and including a named one. */
export type LayerRange = 'body' | { readonly upTo: string };

/**
 * The number of layers in a range. The body ends with the last layer before the head that has
 * weights or changes the size of its input: a dropout behind the pooling belongs to the head.
 * @throws RangeError on an unknown layer, and if the range has no weights.
 */
export function countLayers(
  caller: string,
  { name, layers }: NetworkDefinition,
  range: LayerRange,
): number {
  const count =
    range === 'body'
      ? countBodyLayers(layers)
      : layers.findIndex((layer) => layer.name === range.upTo) + 1;
  if (range !== 'body' && count === 0)
    throw expectedError(
      caller,
      `a layer of ${name} (${layers.map((layer) => layer.name).join(', ')})`,
      range.upTo,
    );
  ensure(
    layers.slice(0, count).some(hasWeights),
    caller,
    `weights in the first layers of ${name}`,
    'none',
    'name a later layer: upTo',
  );
  return count;
}

function countBodyLayers(layers: readonly Layer[]): number {
  const head = layers.reduce((last, layer, at) => (hasWeights(layer) ? at : last), 0);
  return endOfBody(layers.slice(0, head));
}

/** The number of first layers that are frozen: some have weights, and none of these trains. */
export function countFrozenLayers(layers: readonly Layer[]): number {
  const training = layers.findIndex(({ weights }) =>
    Object.values(weights).some((weight) => weight.trainable),
  );
  const before = training < 0 ? layers : layers.slice(0, training);
  return before.some(hasWeights) ? endOfBody(before) : 0;
}

/** The position after the last layer that has weights or changes the size. */
function endOfBody(layers: readonly Layer[]): number {
  return layers.reduce(
    (end, layer, at) => (hasWeights(layer) || layer.stride !== 1 ? at + 1 : end),
    0,
  );
}

function hasWeights({ weights }: Layer): boolean {
  return Object.keys(weights).length > 0;
}

import type { Network } from '@kd/core';
import {
  asLayered,
  countLayers,
  type LayerRange,
  type NetworkDefinition,
} from '../layers/networkDefinition.ts';

/**
 * Freezes the first layers of a network: their variables do not train, and in training they run as
 * at inference (with running averages, fused), outside the gradient tape. Training does not change
 * a bit of them, and none of their activations is kept for the backward pass. All layers behind
 * them train.
 *
 * Freeze before the training begins, since an optimizer is created for the variables that train
 * then. To train more, freeze less: `freeze(network, { upTo: 'stage3' })`.
 * @param network A network of `createNetwork`: all networks of this package except those of
 * `fromLayersModel` and `simKdStudent` (freeze the student before).
 * @param range All layers except the one that returns the logits (and dropout right before it), or
 * those up to and including a name in `createNetwork`'s `layers`.
 * @returns The same network.
 * @throws RangeError on an unknown layer, and if there are no weights to freeze.
 */
export function freeze<Kind extends Network>(network: Kind, range: LayerRange): Kind {
  const { definition } = asLayered('freeze', network);
  setTrainable(countLayers('freeze', definition, range), definition);
  return network;
}

/**
 * Undoes `freeze`: every variable trains again that did when the network was created.
 * @returns The same network.
 */
export function unfreeze<Kind extends Network>(network: Kind): Kind {
  setTrainable(0, asLayered('unfreeze', network).definition);
  return network;
}

function setTrainable(frozenLayers: number, { layers, trainable }: NetworkDefinition): void {
  for (const [at, { weights }] of layers.entries()) {
    for (const weight of Object.values(weights))
      weight.trainable = at >= frozenLayers && trainable.has(weight);
  }
}

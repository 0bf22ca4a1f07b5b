import type { Network } from '@kd/core';
import { anatomyOf, type NetworkDefinition } from '../layered.ts';
import { depthOf, type LayerRange } from './bodyOf.ts';

/**
 * Freezes the first layers of a network: their variables do not train, and in training they run as
 * at inference (with running averages, folded), outside the
 * gradient's tape. No training moves a bit of them, and none of their activations is kept. All
 * layers behind them train.
 *
 * Freeze before the training begins, for an optimizer is made for what trains then; to train more,
 * freeze less: `freeze(network, { upTo: 'stage3' })`.
 * @param network One of `createNetwork`, as all of this package are but those of `fromLayersModel`
 * and `simKdStudent` (freeze its student).
 * @param part All but the layer that gives the logits (and dropout right before it), or the layers
 * up to a name in `createNetwork`'s `layers`, that included.
 * @returns The same network.
 * @throws RangeError on a layer that is not there, and where there are no weights to freeze.
 */
export function freeze<Kind extends Network>(network: Kind, part: LayerRange): Kind {
  const anatomy = anatomyOf('freeze', network);
  trainFrom(depthOf('freeze', anatomy, part), anatomy);
  return network;
}

/**
 * Undoes `freeze`: everything trains again that did when the network was made. @returns The same
 * network.
 */
export function unfreeze<Kind extends Network>(network: Kind): Kind {
  trainFrom(0, anatomyOf('unfreeze', network));
  return network;
}

function trainFrom(depth: number, { layers, trains }: NetworkDefinition): void {
  for (const [at, { weights }] of layers.entries()) {
    for (const weight of Object.values(weights))
      weight.trainable = at >= depth && trains.has(weight);
  }
}

import { ensure, expectedError } from '@kd/core';
import type { NetworkDefinition } from '../layered.ts';
import type { Layer } from '../layers/layer.ts';

/**
 * The first layers of a network: all before its head, or all up to one of this name, that included.
 */
export type LayerRange = 'body' | { readonly upTo: string };

/**
 * How many layers belong to a part. The body ends with the last layer before the head that has
 * weights or changes the size of what comes in: a dropout
 * behind the pooling runs with the head.
 * @throws RangeError on a layer that is not there, and where the part has no weights.
 */
export function depthOf(
  caller: string,
  { name, layers }: NetworkDefinition,
  part: LayerRange,
): number {
  const depth =
    part === 'body' ? bodyDepth(layers) : layers.findIndex((layer) => layer.name === part.upTo) + 1;
  if (part !== 'body' && depth === 0)
    throw expectedError(
      caller,
      `a layer of ${name} (${layers.map((layer) => layer.name).join(', ')})`,
      part.upTo,
    );
  ensure(
    layers.slice(0, depth).some(hasWeights),
    caller,
    `weights in the first layers of ${name}`,
    'none',
    'name a later layer: upTo',
  );
  return depth;
}

function bodyDepth(layers: readonly Layer[]): number {
  const head = layers.reduce((last, layer, at) => (hasWeights(layer) ? at : last), 0);
  return endOf(layers.slice(0, head));
}

/** How many of the first layers are frozen: they have weights, and none of them trains. */
export function frozenDepth(layers: readonly Layer[]): number {
  const training = layers.findIndex(({ weights }) =>
    Object.values(weights).some((weight) => weight.trainable),
  );
  const before = training < 0 ? layers : layers.slice(0, training);
  return before.some(hasWeights) ? endOf(before) : 0;
}

/** Behind the last layer that has weights or changes the size. */
function endOf(layers: readonly Layer[]): number {
  return layers.reduce(
    (end, layer, at) => (hasWeights(layer) || layer.stride !== 1 ? at + 1 : end),
    0,
  );
}

function hasWeights({ weights }: Layer): boolean {
  return Object.keys(weights).length > 0;
}

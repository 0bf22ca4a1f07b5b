import type { Network, StateDictKeyMap } from '@kd/core';
import { torchLayout } from './torchLayout.ts';
import type { Weights } from './weights.ts';

/** A prefix (its last word is no number), numbers, and what the layer calls the tensor. */
const numbered = /^((?:.*\.)?[^.]*[^.\d][^.]*\.)?((?:\d+\.)+)[a-z_]+$/;

/**
 * Numbers for names, as of an `nn.Sequential` (`0.weight`, `1.running_mean`, `4.0.bias`): the
 * layers of the file, counted up, are our layers in their order.
 * @returns undefined where the file has other names, more than one row of numbers, or more or fewer
 * layers than the network.
 */
export function inOrder({ weights }: Network, { entries }: Weights): StateDictKeyMap | undefined {
  const found = new Set<string>();
  const prefixes = new Set<string>();
  for (const name of Object.keys(entries)) {
    const [, prefix = '', layer] = numbered.exec(name) ?? [];
    if (layer === undefined) return undefined;
    prefixes.add(prefix);
    found.add(layer.slice(0, -1));
  }
  if (prefixes.size > 1) return undefined;
  const theirs = [...found].sort(byNumbers);
  const ours = [
    ...new Set(Object.entries(weights).map(([name, { shape }]) => torchLayout(name, shape).layer)),
  ];
  if (ours.length !== theirs.length) return undefined;
  const names = new Map(ours.map((layer, at) => [layer, theirs[at] as string]));
  return (layer) => names.get(layer) ?? layer;
}

function byNumbers(left: string, right: string): number {
  const [one, other] = [left, right].map((path) => path.split('.').map(Number)) as [
    number[],
    number[],
  ];
  const at = one.findIndex((number, place) => number !== other[place]);
  return at < 0 ? one.length - other.length : (one[at] as number) - (other[at] ?? -1);
}

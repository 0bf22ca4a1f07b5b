import type { Network, StateDictKeyMap } from '@kd/core';
import { inOrder } from './inOrder.ts';
import { torchLayout } from './torchLayout.ts';
import type { Weights } from './weights.ts';

/** Where a weight of ours is in a file, and how it is kept there. */
export interface Place {
  readonly name: string;
  readonly shape: readonly number[];
  toOurs(values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer>;
}

/** The places of all weights of a network by the names of one scheme. */
export interface FileNames {
  /** `own`, a name among `network.names`, `own names in PyTorch`, `in order` or `given`. */
  readonly scheme: string;
  /** What stands before every name in the file: `module.`. */
  readonly prefix: string;
  /** By our names. */
  readonly places: Readonly<Record<string, Place>>;
  /** What a file's tensors of the head begin with, prefix and all: `fc.`. */
  readonly head?: string;
}

/**
 * The scheme by which most weights of the network are found in the file, those of the right shape
 * counting twice; the first of equals.
 * @param given The only one to try.
 */
export function bestFileNames(
  network: Network,
  weights: Weights,
  given?: StateDictKeyMap,
): FileNames {
  const tried =
    given === undefined ? allFileNames(network, weights) : [torchNames(network, 'given', given)];
  const scored = tried
    .map((names) => withPrefix(names, weights))
    .map((names) => ({ names, score: scoreOf(names, weights) }));
  return scored.reduce((best, one) => (one.score > best.score ? one : best)).names;
}

function allFileNames(network: Network, weights: Weights): FileNames[] {
  const published = Object.entries(network.keyMaps ?? {}).map(([name, scheme]) =>
    torchNames(network, name, scheme),
  );
  const numbered = inOrder(network, weights);
  return [
    ownNames(network),
    ...published,
    torchNames(network, 'own names in PyTorch', (layer) => layer),
    ...(numbered === undefined ? [] : [torchNames(network, 'in order', numbered)]),
  ];
}

/** As we save them ourselves. */
function ownNames(network: Network): FileNames {
  const places = Object.entries(network.weights).map(
    ([name, { shape }]) => [name, { name, shape, toOurs: asIs }] as const,
  );
  return {
    scheme: 'own',
    prefix: '',
    places: Object.fromEntries(places),
    ...headOf(network, (layer) => layer),
  };
}

/** As PyTorch saves a module whose layers this scheme names. */
function torchNames(network: Network, scheme: string, names: StateDictKeyMap): FileNames {
  const places = Object.entries(network.weights).map(([ours, weight]) => {
    const { layer, part, shape, toOurs } = torchLayout(ours, weight.shape);
    return [ours, { name: joined(names(layer), part), shape, toOurs }] as const;
  });
  return { scheme, prefix: '', places: Object.fromEntries(places), ...headOf(network, names) };
}

export function joined(layer: string, part: string): string {
  return layer === '' ? part : `${layer}.${part}`;
}

function asIs<Value>(value: Value): Value {
  return value;
}

function headOf({ head }: Network, names: StateDictKeyMap): { head?: string } {
  return head === undefined ? {} : { head: `${names(head)}.` };
}

/**
 * Wrappers put their own name before all others (`module.`, `model.`): the prefix under which most
 * names are found.
 */
function withPrefix(names: FileNames, { entries }: Weights): FileNames {
  const wanted = new Set(Object.values(names.places).map(({ name }) => name));
  const counts = new Map<string, number>([['', 0]]);
  for (const name of Object.keys(entries)) {
    for (let start = 0; start >= 0; start = nextStart(name, start)) {
      if (wanted.has(name.slice(start)))
        counts.set(name.slice(0, start), (counts.get(name.slice(0, start)) ?? 0) + 1);
    }
  }
  const [prefix] = [...counts].reduce((best, one) => (one[1] > best[1] ? one : best));
  if (prefix === '') return names;
  const places = Object.entries(names.places).map(
    ([ours, place]) => [ours, { ...place, name: prefix + place.name }] as const,
  );
  return {
    ...names,
    prefix,
    places: Object.fromEntries(places),
    ...(names.head !== undefined && { head: prefix + names.head }),
  };
}

/** After the next dot; -1 where there is none. */
function nextStart(name: string, start: number): number {
  const dot = name.indexOf('.', start);
  return dot < 0 ? -1 : dot + 1;
}

function scoreOf({ places }: FileNames, { entries }: Weights): number {
  return Object.values(places).reduce((score, { name, shape }) => {
    const found = Object.hasOwn(entries, name) ? entries[name] : undefined;
    return score + (found === undefined ? 0 : 1) + (found?.shape.join() === shape.join() ? 1 : 0);
  }, 0);
}

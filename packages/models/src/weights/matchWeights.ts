import type { Network, StateDictKeyMap } from '@kd/core';
import { joinKey, torchLayout } from '@kd/files';
import type { TensorEntry, Weights } from './formats/weights.ts';

/** Name and layout in a file of one of our weights. */
export interface TensorLocation {
  readonly name: string;
  readonly shape: readonly number[];
  /** Transposes values from the file's order of axes to ours. */
  toOurs(values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer>;
}

/** The locations of all weights of a network, by one key map. */
export interface NetworkLocations {
  /** Name of the key map; the values of `LoadReport.keyMap`. */
  readonly keyMap: string;
  /** Prefix of every name in the file: `module.`. */
  readonly prefix: string;
  /** Keyed by our weight names. */
  readonly locations: Readonly<Record<string, TensorLocation>>;
  /** Prefix of the head's tensors in the file, with the common prefix: `fc.`. */
  readonly head?: string;
}

/**
 * Finds the key map by which most weights of the network are found in the file; a weight with the
 * right shape counts twice, and the first of equals wins.
 * @param keyMap The only one to try, if given.
 */
export function findLocations(
  network: Network,
  weights: Weights,
  keyMap?: StateDictKeyMap,
): NetworkLocations {
  const candidates =
    keyMap === undefined
      ? allLocations(network, weights)
      : [torchLocations(network, 'custom', keyMap)];
  const scored = candidates
    .map((locations) => addPrefix(locations, weights))
    .map((locations) => ({ locations, score: scoreOf(locations, weights) }));
  return scored.reduce((best, one) => (one.score > best.score ? one : best)).locations;
}

function allLocations(network: Network, weights: Weights): NetworkLocations[] {
  const published = Object.entries(network.keyMaps ?? {}).map(([name, keyMap]) =>
    torchLocations(network, name, keyMap),
  );
  const byPosition = matchByPosition(network, weights);
  return [
    ownLocations(network),
    ...published,
    torchLocations(network, 'own names in PyTorch', (layer) => layer),
    ...(byPosition === undefined ? [] : [torchLocations(network, 'by position', byPosition)]),
  ];
}

/** Our own names, shapes and order of axes. */
function ownLocations(network: Network): NetworkLocations {
  const locations = Object.entries(network.weights).map(
    ([name, { shape }]) => [name, { name, shape, toOurs: (values) => values }] as const,
  ) satisfies (readonly [string, TensorLocation])[];
  return {
    keyMap: 'own',
    prefix: '',
    locations: Object.fromEntries(locations),
    ...headOf(network, (layer) => layer),
  };
}

/** The locations in PyTorch's file of a module whose layers this key map names. */
function torchLocations(network: Network, name: string, keyMap: StateDictKeyMap): NetworkLocations {
  const locations = Object.entries(network.weights).map(([ours, weight]) => {
    const { layer, part, shape, fromTorch } = torchLayout(ours, weight.shape);
    return [ours, { name: joinKey(keyMap(layer), part), shape, toOurs: fromTorch }] as const;
  });
  return {
    keyMap: name,
    prefix: '',
    locations: Object.fromEntries(locations),
    ...headOf(network, keyMap),
  };
}

function headOf({ head }: Network, keyMap: StateDictKeyMap): { head?: string } {
  return head === undefined ? {} : { head: `${keyMap(head)}.` };
}

/**
 * Adds the prefix under which most names are found: wrappers put their own name before all others
 * (`module.`, `model.`).
 */
function addPrefix(found: NetworkLocations, { entries }: Weights): NetworkLocations {
  const names = new Set(Object.values(found.locations).map(({ name }) => name));
  const counts = new Map<string, number>([['', 0]]);
  for (const name of Object.keys(entries)) {
    for (let start = 0; start >= 0; start = nextStart(name, start)) {
      if (names.has(name.slice(start)))
        counts.set(name.slice(0, start), (counts.get(name.slice(0, start)) ?? 0) + 1);
    }
  }
  const [prefix] = [...counts].reduce((best, one) => (one[1] > best[1] ? one : best));
  if (prefix === '') return found;
  const locations = Object.entries(found.locations).map(
    ([ours, location]) => [ours, { ...location, name: prefix + location.name }] as const,
  );
  return {
    ...found,
    prefix,
    locations: Object.fromEntries(locations),
    ...(found.head !== undefined && { head: prefix + found.head }),
  };
}

/** The position after the next dot; -1 if there is none. */
function nextStart(name: string, start: number): number {
  const dot = name.indexOf('.', start);
  return dot < 0 ? -1 : dot + 1;
}

function scoreOf({ locations }: NetworkLocations, weights: Weights): number {
  return Object.values(locations).reduce((score, { name, shape }) => {
    const entry = entryOf(weights, name);
    return score + (entry === undefined ? 0 : 1) + (entry?.shape.join() === shape.join() ? 1 : 0);
  }, 0);
}

function entryOf({ entries }: Weights, name: string): TensorEntry | undefined {
  return Object.hasOwn(entries, name) ? entries[name] : undefined;
}

/** Prefix (its last component is no number), numbers, and the tensor's name within its layer. */
const numberedName = /^((?:.*\.)?[^.]*[^.\d][^.]*\.)?((?:\d+\.)+)[a-z_]+$/;

/**
 * A key map by the order of the layers, for a file whose layers are numbered, as those of an
 * `nn.Sequential` are (`0.weight`, `1.running_mean`, `4.0.bias`).
 * @returns undefined if the file has other names, more than one prefix, or more or fewer layers
 * than the network.
 */
function matchByPosition({ weights }: Network, { entries }: Weights): StateDictKeyMap | undefined {
  const numbers = new Set<string>();
  const prefixes = new Set<string>();
  for (const name of Object.keys(entries)) {
    const [, prefix = '', layer] = numberedName.exec(name) ?? [];
    if (layer === undefined) return undefined;
    prefixes.add(prefix);
    numbers.add(layer.slice(0, -1));
  }
  if (prefixes.size > 1) return undefined;
  const theirs = [...numbers].sort(compareNumbers);
  const ours = [
    ...new Set(Object.entries(weights).map(([name, { shape }]) => torchLayout(name, shape).layer)),
  ];
  if (ours.length !== theirs.length) return undefined;
  const names = new Map(ours.map((layer, at) => [layer, theirs[at] as string]));
  return (layer) => names.get(layer) ?? layer;
}

function compareNumbers(left: string, right: string): number {
  const [one, other] = [left, right].map((path) => path.split('.').map(Number)) as [
    number[],
    number[],
  ];
  const at = one.findIndex((number, position) => number !== other[position]);
  return at < 0 ? one.length - other.length : (one[at] as number) - (other[at] ?? -1);
}

/** How a file matches a network, tensor by tensor. */
export interface MatchReport {
  /** The weights to load: our name, the location, and the tensor itself. */
  readonly found: readonly {
    readonly ours: string;
    readonly location: TensorLocation;
    readonly entry: TensorEntry;
  }[];
  /** Weights of a skipped head, by our names. */
  readonly skipped: readonly string[];
  /** Weights of the network that the file lacks. */
  readonly missing: readonly { readonly ours: string; readonly name: string }[];
  /** Tensors of another shape or type: `fc.weight [1000, 512] for [10, 512]`. */
  readonly mismatched: readonly string[];
  /** Tensors of the file that belong to no weight of the network. */
  readonly unexpected: readonly string[];
}

/**
 * Compares a file with a network, by given locations.
 * @param skipsHead The head's weights are not loaded, and tensors of a head in the file are not
 * reported.
 */
export function matchWeights(
  network: Network,
  weights: Weights,
  { locations, head }: NetworkLocations,
  skipsHead: boolean,
): MatchReport {
  const isSkipped = (name: string) => skipsHead && name.startsWith(`${network.head}.`);
  const all = Object.entries(locations).map(([ours, location]) => ({
    ours,
    location,
    entry: entryOf(weights, location.name),
  }));
  const requested = all.filter(({ ours }) => !isSkipped(ours));
  const found = requested.flatMap(({ ours, location, entry }) =>
    entry === undefined ? [] : [{ ours, location, entry }],
  );
  const known = new Set(all.map(({ location }) => location.name));
  return {
    found,
    skipped: all.map(({ ours }) => ours).filter(isSkipped),
    missing: requested
      .filter(({ entry }) => entry === undefined)
      .map(({ ours, location }) => ({ ours, name: location.name })),
    mismatched: found.flatMap(({ location, entry }) => mismatches(location, entry)),
    unexpected: Object.keys(weights.entries).filter((name) => {
      const isCounter = name.endsWith('num_batches_tracked');
      const isHead = skipsHead && head !== undefined && name.startsWith(head);
      return !(known.has(name) || isCounter || isHead);
    }),
  };
}

function mismatches({ name, shape }: TensorLocation, entry: TensorEntry): string[] {
  if (entry.shape.join() !== shape.join())
    return [`${name} [${entry.shape.join(', ')}] for [${shape.join(', ')}]`];
  return /^B?F\d/.test(entry.dtype) ? [] : [`${name} in ${entry.dtype} for floating-point numbers`];
}

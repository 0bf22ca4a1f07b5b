import type { Network } from '@kd/core';
import type { FileNames, Place } from './fileNames.ts';
import type { TensorEntry, Weights } from './weights.ts';

/** How a file fits a network, tensor by tensor. */
export interface Fit {
  /** What will be read: our name, where it is, and the tensor itself. */
  readonly found: readonly {
    readonly ours: string;
    readonly place: Place;
    readonly entry: TensorEntry;
  }[];
  /** Weights of the network that stay as they are, on purpose: those of a new head. Our names. */
  readonly left: readonly string[];
  /** Weights of the network that the file lacks; the file's names. */
  readonly missing: readonly { readonly ours: string; readonly name: string }[];
  /** What is there and not as it should be: `fc.weight [1000, 512] for [10, 512]`. */
  readonly unfit: readonly string[];
  /** Tensors of the file that nobody asks for. */
  readonly unexpected: readonly string[];
}

/**
 * @param isHeadNew The head's weights stay as they are, and whatever the file holds of a head is
 * nobody's concern.
 */
export function fitOf(
  network: Network,
  weights: Weights,
  names: FileNames,
  isHeadNew: boolean,
): Fit {
  const isHead = (name: string) => isHeadNew && name.startsWith(`${network.head}.`);
  const all = Object.entries(names.places).map(([ours, place]) => ({
    ours,
    place,
    entry: entryOf(weights, place.name),
  }));
  const wanted = all.filter(({ ours }) => !isHead(ours));
  const present = wanted.flatMap(({ ours, place, entry }) =>
    entry === undefined ? [] : [{ ours, place, entry }],
  );
  const known = new Set(all.map(({ place }) => place.name));
  return {
    found: present,
    left: all.map(({ ours }) => ours).filter(isHead),
    missing: wanted
      .filter(({ entry }) => entry === undefined)
      .map(({ ours, place }) => ({ ours, name: place.name })),
    unfit: present.flatMap(({ place, entry }) => whyUnfit(place, entry)),
    unexpected: Object.keys(weights.entries).filter((name) => {
      const isCounter = name.endsWith('num_batches_tracked');
      const ofHead = isHeadNew && names.head !== undefined && name.startsWith(names.head);
      return !(known.has(name) || isCounter || ofHead);
    }),
  };
}

function entryOf({ entries }: Weights, name: string): TensorEntry | undefined {
  return Object.hasOwn(entries, name) ? entries[name] : undefined;
}

function whyUnfit({ name, shape }: Place, entry: TensorEntry): string[] {
  if (entry.shape.join() !== shape.join())
    return [`${name} [${entry.shape.join(', ')}] for [${shape.join(', ')}]`];
  return /^B?F\d/.test(entry.dtype) ? [] : [`${name} in ${entry.dtype} for floating-point numbers`];
}

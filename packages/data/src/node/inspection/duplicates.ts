import type { ImageInspection, SplitName } from './imageInspection.ts';

/** Where an image is. */
export interface Place {
  readonly split: SplitName;
  readonly index: number;
  /** −1: none. */
  readonly label: number;
}

/** Duplicates, with places in place of pictures. */
export interface FoundDuplicates extends Omit<ImageInspection['duplicates'], 'pairs'> {
  readonly pairs: readonly (readonly [first: Place, second: Place])[];
}

const splitOrder = ['train', 'validation', 'test'] as const satisfies readonly SplitName[];

/** Collects images by the hash of their pixels. */
export class DuplicateFinder {
  readonly #places = new Map<string, Place | Place[]>();

  add(digest: string, place: Place): void {
    const found = this.#places.get(digest);
    if (found === undefined) this.#places.set(digest, place);
    else if (Array.isArray(found)) found.push(place);
    else this.#places.set(digest, [found, place]);
  }

  /** @param shown Most pairs. */
  find(shown: number): FoundDuplicates {
    const groups = [...this.#places.values()].filter((found) => Array.isArray(found));
    const within: Partial<Record<SplitName, number>> = {};
    const between = new Map<string, { first: SplitName; second: SplitName; images: number }>();
    for (const group of groups) {
      const counts = splitOrder.map(
        (split) => group.filter((place) => place.split === split).length,
      );
      for (const [at, second] of splitOrder.entries()) {
        const images = counts[at] as number;
        if (images > 1) within[second] = (within[second] ?? 0) + images - 1;
        for (const first of splitOrder.slice(0, at).filter((_, other) => counts[other] !== 0)) {
          const key = `${first} ${second}`;
          const sum = (between.get(key)?.images ?? 0) + images;
          if (images > 0) between.set(key, { first, second, images: sum });
        }
      }
    }
    const conflicts = groups.filter((group) => otherLabel(group) !== undefined).length;
    return { within, between: [...between.values()], conflicts, pairs: choosePairs(groups, shown) };
  }
}

/** Returns an image of the group whose label is not that of the first that has one. */
function otherLabel(group: readonly Place[]): readonly [Place, Place] | undefined {
  const labelled = group.filter(({ label }) => label >= 0);
  const second = labelled.find(({ label }) => label !== labelled[0]?.label);
  return second === undefined ? undefined : [labelled[0] as Place, second];
}

/** Takes a pair of each group: those of two labels first, then those of two splits. */
function choosePairs(
  groups: readonly (readonly Place[])[],
  shown: number,
): (readonly [Place, Place])[] {
  const ranked = groups.map((group) => {
    const [first, next] = group as readonly [Place, Place];
    const conflict = otherLabel(group);
    if (conflict !== undefined) return { rank: 0, pair: conflict };
    const elsewhere = group.find(({ split }) => split !== first.split);
    return elsewhere === undefined
      ? { rank: 2, pair: [first, next] as const }
      : { rank: 1, pair: [first, elsewhere] as const };
  });
  return ranked
    .sort((left, right) => left.rank - right.rank)
    .slice(0, shown)
    .map(({ pair }) => pair);
}

import { deriveSeed, randomUint32 } from '@kd/core';
import type { InspectedSplit } from './inspectedSplit.ts';

/** Images that are shown as examples of their classes. */
export interface ChosenPictures {
  /** Longest side of a picture in pixels. */
  readonly side: number;
  /** Class by class, −1 at the end. */
  readonly indices: readonly number[];
}

const picturesOfClass = 10;

/** Bytes of all pictures before compression: a page of them has some 4 MB. */
const mostBytes = 3_100_000;
const [leastSide, mostSide] = [40, 96];

/**
 * Draws ten images of each class. Pictures get smaller with the number of classes; where they would
 * be too small, only the first classes have some.
 * @param indices Images to choose from, ascending.
 * @param longest Longest side of an image, roughly.
 */
export function choosePictures(
  { labelOf }: InspectedSplit,
  indices: Int32Array,
  longest: number,
): ChosenPictures {
  const byLabel = new Map<number, { readonly index: number; readonly rank: number }[]>();
  for (const index of indices) {
    const label = labelOf(index);
    const rank = randomUint32(deriveSeed(0, 'inspect', label + 1), 0, index);
    const members = byLabel.get(label);
    if (members === undefined) byLabel.set(label, [{ index, rank }]);
    else members.push({ index, rank });
  }
  const labels = [...byLabel.keys()].sort((a, b) => (a < 0 ? 1 : b < 0 ? -1 : a - b));
  const counts = labels.map((label) => Math.min(picturesOfClass, byLabel.get(label)?.length ?? 0));
  const pictures = counts.reduce((sum, count) => sum + count, 0);
  const fitting = Math.floor(Math.sqrt(mostBytes / pictures / 3));
  const side = Math.min(mostSide, Math.max(leastSide, fitting));
  let left = mostBytes / 3 / Math.min(side, longest) ** 2;
  const shown = labels.filter((_, at) => {
    left -= counts[at] as number;
    return left >= 0 || at === 0;
  });
  return {
    side,
    indices: shown.flatMap((label) =>
      (byLabel.get(label) ?? [])
        .sort((left, right) => left.rank - right.rank)
        .slice(0, picturesOfClass)
        .map(({ index }) => index)
        .sort((a, b) => a - b),
    ),
  };
}

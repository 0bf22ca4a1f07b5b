import { deriveSeed, permutation } from '@kd/core';
import type { ImageDataset } from './imageDataset.ts';

/**
 * Draws `count` rows of a set so that each class keeps its share (largest remainders get the places
 * that rounding leaves over).
 * @param purpose Name of the random stream: draws for different purposes are independent.
 * @returns Which rows of the whole set were drawn, as a flag for each.
 */
export function stratify(
  set: ImageDataset,
  count: number,
  seed: number,
  purpose: string,
): Uint8Array {
  const members = rowsByClass(set);
  const shares = members.map((rows) => (count * rows.length) / set.rows.length);
  const quotas = shares.map(Math.floor);
  const left = count - quotas.reduce((sum, quota) => sum + quota, 0);
  const byRemainder = shares
    .map((share, label) => ({ label, remainder: share - Math.floor(share) }))
    .sort((a, b) => b.remainder - a.remainder);
  for (const { label } of byRemainder.slice(0, left)) quotas[label] = (quotas[label] as number) + 1;

  const drawn = new Uint8Array(set.labels.length);
  members.forEach((rows, label) => {
    const order = permutation(deriveSeed(seed, purpose, label), 0, rows.length);
    for (let at = 0; at < (quotas[label] as number); at++)
      drawn[rows[order[at] as number] as number] = 1;
  });
  return drawn;
}

function rowsByClass(set: ImageDataset): number[][] {
  const members: number[][] = set.classNames.map(() => []);
  for (const row of set.rows) members[set.labels[row] as number]?.push(row);
  return members;
}

import type { Shard } from './contracts.ts';

/**
 * Computes the range of the images of one shard: all of them without a shard.
 * @param count Number of images.
 * @returns First index, and the index after the last.
 */
export function shardRange(
  count: number,
  shard: Shard | undefined,
): { readonly from: number; readonly to: number } {
  if (shard === undefined) return { from: 0, to: count };
  const { rank, size } = shard;
  return { from: Math.floor((count * rank) / size), to: Math.floor((count * (rank + 1)) / size) };
}

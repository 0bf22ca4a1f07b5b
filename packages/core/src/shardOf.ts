import type { Shard } from './contracts.ts';

/**
 * Where a shard of some pictures begins and ends: whole without a shard. @param count Of the
 * pictures.
 */
export function shardRange(
  count: number,
  shard: Shard | undefined,
): { readonly from: number; readonly to: number } {
  if (shard === undefined) return { from: 0, to: count };
  const { rank, size } = shard;
  return { from: Math.floor((count * rank) / size), to: Math.floor((count * (rank + 1)) / size) };
}

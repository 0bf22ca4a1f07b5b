import { deriveSeed, permutation } from '@kd/core';
import type { ImageDataset } from './imageDataset.ts';

/**
 * Draws an epoch in which every class has equally many images: as many as the dataset has in all,
 * in a seeded order. The draws from a class go through all its images before one repeats, also from
 * epoch to epoch. Images without a label are a class of their own.
 */
export function classBalancedOrder(dataset: ImageDataset, seed: number, epoch: number): Int32Array {
  const members = [...groupByLabel(dataset)].sort(([a], [b]) => a - b);
  const count = dataset.indices.length;
  const drawn = new Int32Array(count);
  let filled = 0;
  members.forEach(([label, indices], at) => {
    const share = (rank: number) => Math.floor((count * rank) / members.length);
    const quota = share(at + 1) - share(at);
    const before = quota * epoch;
    for (let draw = before; draw < before + quota; draw++) {
      const round = Math.floor(draw / indices.length);
      // The names of the random streams: others would give other orders.
      const order = orderOfRound(deriveSeed(seed, `balanced ${label}`, round), indices.length);
      drawn[filled++] = indices[order[draw % indices.length] as number] as number;
    }
  });
  return permutation(deriveSeed(seed, 'order', epoch), 0, count).map((at) => drawn[at] as number);
}

/** Remembers the last order, since draws go through a round one after the other. */
const orderOfRound = (() => {
  let last: { readonly seed: number; readonly order: Int32Array } | undefined;
  return (seed: number, count: number): Int32Array => {
    if (last?.seed !== seed || last.order.length !== count)
      last = { seed, order: permutation(seed, 0, count) };
    return last.order;
  };
})();

function groupByLabel({ indices, labels }: ImageDataset): Map<number, number[]> {
  const members = new Map<number, number[]>();
  for (const index of indices) {
    const label = labels[index] as number;
    const found = members.get(label);
    if (found === undefined) members.set(label, [index]);
    else found.push(index);
  }
  return members;
}

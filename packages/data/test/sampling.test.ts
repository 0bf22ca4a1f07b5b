/** `sampling: 'classBalanced'`: rare classes repeat, common ones take turns. */
import type { DataLoader } from '@kd/core';
import { setBackend } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import '@tensorflow/tfjs-backend-cpu';
import { dataLoader, type ImageDataset, imageDataset, stratifiedSubset } from '../src/index.ts';

beforeAll(async () => {
  await setBackend('cpu');
});

/** One pixel an image: 24 of class 0, 5 of class 1, 1 of class 2, and none of class 3. */
const labels = [...Array(24).fill(0), ...Array(5).fill(1), 2];

function datasetOf(labels: readonly number[]): ImageDataset {
  return imageDataset({
    pixels: labels.map((_, image) => image),
    labels,
    imageShape: [1, 1, 1],
    classNames: ['common', 'rare', 'single', 'absent'],
  });
}

const balanced = (seed: number, dataset = datasetOf(labels)): DataLoader =>
  dataLoader(dataset, { batchSize: 8, seed, sampling: 'classBalanced' });

function countBy(order: Int32Array, of: readonly number[] = labels): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const index of order) {
    const label = String(of[index]);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}

test('an epoch has as many images as the dataset, of every class that occurs equally many', () => {
  for (const epoch of [0, 1, 7]) {
    const order = balanced(3).order(epoch);
    expect(order.length).toBe(30);
    expect(countBy(order)).toEqual({ 0: 10, 1: 10, 2: 10 });
  }
});

test('what does not divide evenly differs by one image', () => {
  const uneven = [0, 0, 0, 0, 0, 1, 2, 2];
  const counts = countBy(balanced(0, datasetOf(uneven)).order(0), uneven);
  expect(Object.values(counts).sort()).toEqual([2, 3, 3]);
});

test('no image of a class repeats before all of them were drawn, across epochs too', () => {
  const loader = balanced(5);
  const drawn = Array.from({ length: 12 }, (_, epoch) => [...loader.order(epoch)]).flat();
  for (const label of [0, 1, 2]) {
    const counts = new Map<number, number>();
    for (const index of drawn)
      if (labels[index] === label) counts.set(index, (counts.get(index) ?? 0) + 1);
    // 120 draws of every class: 5 rounds of 24 images, 24 of 5, 120 of 1.
    const size = labels.filter((one) => one === label).length;
    expect([...counts.values()]).toEqual(Array(size).fill(120 / size));
  }
});

test('within an epoch the images of a class differ by one draw', () => {
  const counts = new Map<number, number>();
  for (const index of balanced(2).order(4)) counts.set(index, (counts.get(index) ?? 0) + 1);
  for (let index = 0; index < 24; index++) expect(counts.get(index) ?? 0).toBeLessThanOrEqual(1);
  for (let index = 24; index < 29; index++) expect(counts.get(index)).toBe(2);
});

test('classes are shuffled together, in another order for another seed and epoch', () => {
  const first = [...balanced(1).order(0)];
  expect([...balanced(1).order(0)]).toEqual(first);
  expect([...balanced(2).order(0)]).not.toEqual(first);
  expect([...balanced(1).order(1)]).not.toEqual(first);
  expect(new Set(first.slice(0, 10).map((index) => labels[index])).size).toBe(3);
});

test('batches follow the order, and an epoch is resumed at any batch', async () => {
  const loader = balanced(1);
  const read = async (epoch: number, from: number) => {
    const indices: number[] = [];
    for await (const batch of loader.epoch(epoch, from)) indices.push(...batch.indices);
    return indices;
  };
  const order = [...loader.order(2)];
  expect(await read(2, 0)).toEqual(order);
  // Another epoch in between leaves no trace.
  await read(0, 0);
  expect(await read(2, 2)).toEqual(order.slice(16));
});

test('a subset is balanced within itself, and images without a label are a class', () => {
  const subset = stratifiedSubset(datasetOf(labels), 12, { seed: 0 });
  const order = balanced(0, subset).order(0);
  expect([...order].every((index) => subset.indices.includes(index))).toBe(true);
  const unlabelled = [0, 0, 0, 0, 1, 1, -1, -1, -1];
  expect(countBy(balanced(0, datasetOf(unlabelled)).order(0), unlabelled)).toEqual({
    '-1': 3,
    0: 3,
    1: 3,
  });
});

test('evaluation sees every image once', async () => {
  const seen: number[] = [];
  for await (const { indices } of balanced(0).iterateOnce()) seen.push(...indices);
  expect(seen).toEqual(labels.map((_, index) => index));
});

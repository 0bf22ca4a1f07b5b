import '@tensorflow/tfjs-backend-cpu';
import { type Batch, deriveSeed } from '@kd/core';
import { memory, setBackend } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cutout,
  dataLoader,
  randomCrop,
  randomHorizontalFlip,
  trainValidationSplit,
} from '../src/index.ts';
import { countingSet } from './support/sets.ts';

beforeAll(() => setBackend('cpu'));

interface Seen {
  readonly images: Float32Array;
  readonly labels: number[];
  readonly rows: number[];
  readonly view: Batch['view'];
}

async function collect(source: AsyncIterable<Batch>): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const { images, labels, indices, view } of source) {
    seen.push({
      images: Float32Array.from(images.dataSync()),
      labels: [...labels.dataSync()],
      rows: [...indices],
      view,
    });
  }
  return seen;
}

function pictureOf(seen: Seen[], row: number, size: number): Float32Array {
  for (const batch of seen) {
    const at = batch.rows.indexOf(row);
    if (at >= 0) return batch.images.slice(at * size, (at + 1) * size);
  }
  throw new Error(`row ${row} was not dealt`);
}

const set = countingSet({ pictures: 22 });
const size = 8 * 8 * 3;
const views = [randomCrop({ padding: 2 }), randomHorizontalFlip(), cutout({ size: 3 })];

describe('batches', () => {
  test('a pass deals every row in order, the last batch smaller, with its own labels and pixels', async () => {
    const source = dataLoader(set, { batchSize: 5, dropLast: true });
    const seen = await collect(source.iterateOnce());
    expect(seen.flatMap((batch) => batch.rows)).toEqual([...set.rows]);
    expect(seen.map((batch) => batch.rows.length)).toEqual([5, 5, 5, 5, 2]);
    expect(seen.flatMap((batch) => batch.labels)).toEqual([...set.labels]);
    expect(pictureOf(seen, 21, size)).toEqual(
      Float32Array.from(set.pixels.subarray(21 * size, 22 * size), (value) => value / 255),
    );
    expect(seen[0]?.view).toEqual({ spec: 'plain', seed: 0 });
  });

  test('an epoch deals every row once in an order of its own', async () => {
    const source = dataLoader(set, { batchSize: 5, seed: 3 });
    const [first, second] = [await collect(source.epoch(0)), await collect(source.epoch(1))];
    const rows = first.flatMap((batch) => batch.rows);
    expect([...rows].sort((a, b) => a - b)).toEqual([...set.rows]);
    expect(rows).not.toEqual([...set.rows]);
    expect(second.flatMap((batch) => batch.rows)).not.toEqual(rows);
    expect(await collect(dataLoader(set, { batchSize: 5, seed: 3 }).epoch(0))).toEqual(first);
    expect(
      (await collect(dataLoader(set, { batchSize: 5, seed: 4 }).epoch(0)))[0]?.rows,
    ).not.toEqual(first[0]?.rows);
  });

  test('dropLast leaves out the smaller batch', async () => {
    const source = dataLoader(set, { batchSize: 5, dropLast: true });
    expect(source.batchesPerEpoch).toBe(4);
    expect((await collect(source.epoch(0))).map((batch) => batch.rows.length)).toEqual([
      5, 5, 5, 5,
    ]);
    expect(dataLoader(set, { batchSize: 5 }).batchesPerEpoch).toBe(5);
  });

  test('goes on from a batch as if it had never stopped', async () => {
    const source = dataLoader(set, { batchSize: 5, seed: 3, augmentations: views });
    expect(await collect(source.epoch(2, 3))).toEqual((await collect(source.epoch(2))).slice(3));
    expect(await collect(source.epoch(2, 5))).toEqual([]);
  });

  test('pixels of a row and a view depend on nothing else: not on batch size, order, split or epoch', async () => {
    const { train: kept } = trainValidationSplit(set, { validation: 6, seed: 1 });
    const sources = [
      dataLoader(set, { batchSize: 5, seed: 3, augmentations: views, viewCount: 2 }).epoch(1),
      dataLoader(set, { batchSize: 7, seed: 3, augmentations: views, viewCount: 2 }).epoch(5),
      dataLoader(kept, { batchSize: 3, seed: 3, augmentations: views }).iterateOnce(1),
      dataLoader(set, { batchSize: 22, seed: 3, augmentations: views }).epoch(1),
    ];
    const [one, ...others] = await Promise.all(sources.map(collect));
    for (const row of kept.rows)
      for (const other of others)
        expect(pictureOf(other, row, size)).toEqual(pictureOf(one as Seen[], row, size));
  });

  test('views repeat after viewCount epochs and are named by spec and seed', async () => {
    const source = dataLoader(set, { batchSize: 22, seed: 3, augmentations: views, viewCount: 2 });
    const seen = await Promise.all(
      [0, 1, 2].map(async (epoch) => (await collect(source.epoch(epoch)))[0]),
    );
    expect(seen.map((batch) => batch?.view.seed)).toEqual(
      [0, 1, 0].map((number) => deriveSeed(3, 'view', number)),
    );
    expect(seen[0]?.view.spec).toBe('crop(pad=2,fill=reflect)+flip()+cutout(size=3)');
    expect(source.view(1)).toEqual(seen[1]?.view);
    expect(pictureOf([seen[0] as Seen], 4, size)).toEqual(pictureOf([seen[2] as Seen], 4, size));
    expect(pictureOf([seen[0] as Seen], 4, size)).not.toEqual(
      pictureOf([seen[1] as Seen], 4, size),
    );
    expect(dataLoader(set, { batchSize: 2, augmentations: views }).viewCount).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(dataLoader(set, { batchSize: 2, viewCount: 9 }).viewCount).toBe(1);
  });

  test('indices are rows of the whole set', async () => {
    const { validation: held } = trainValidationSplit(set, { validation: 6, seed: 1 });
    const seen = await collect(dataLoader(held, { batchSize: 4 }).iterateOnce());
    expect(seen.flatMap((batch) => batch.rows)).toEqual([...held.rows]);
    expect(seen.flatMap((batch) => batch.labels)).toEqual(
      [...held.rows].map((row) => set.labels[row]),
    );
  });

  test('holds one batch of tensors at a time and none when the loop is over or left', async () => {
    const before = memory().numTensors;
    const source = dataLoader(set, { batchSize: 5, augmentations: views });
    for await (const batch of source.epoch(0))
      expect([batch.images.rank, memory().numTensors]).toEqual([4, before + 2]);
    expect(memory().numTensors).toBe(before);
    for await (const batch of source.epoch(0)) if (batch.indices.length > 0) break;
    expect(memory().numTensors).toBe(before);
    await expect(async () => {
      for await (const batch of source.epoch(0)) throw new Error(`left at ${batch.indices.length}`);
    }).rejects.toThrow('left at 5');
    expect(memory().numTensors).toBe(before);
  });

  test('prepares the next batch while the consumer waits, and not before', async () => {
    const prepared: number[] = [];
    const counting = {
      spec: 'counting()',
      paint: () => {
        prepared.push(1);
      },
    };
    const iterator = dataLoader(set, { batchSize: 5, augmentations: [counting] })
      .epoch(0)
      [Symbol.asyncIterator]();
    prepared.length = 0;
    await iterator.next();
    expect(prepared.length).toBe(5);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(prepared.length).toBe(10);
    await iterator.next();
    await iterator.next();
    expect(prepared.length).toBe(15);
    await iterator.return?.();
  });

  test.each([
    [{ batchSize: 0 }, 'batches: expected batchSize to be a whole number ≥ 1, got 0.'],
    [{ batchSize: 2.5 }, 'batches: expected batchSize to be a whole number ≥ 1, got 2.5.'],
    [
      { batchSize: 23, dropLast: true },
      "batches: expected batchSize ≤ 22, the pictures of 'counting', with dropLast, got 23.",
    ],
    [
      { batchSize: 2, seed: -1 },
      'batches: expected seed to be a whole number from 0 to 2⁵³ − 1, got -1.',
    ],
    [
      { batchSize: 2, views, viewCount: 0 },
      'batches: expected viewCount a whole number ≥ 1 or Infinity, got 0.',
    ],
    [
      { batchSize: 2, views: [randomCrop({ padding: 8 })] },
      "crop: expected pad less than the sides of the picture, 8×8, got 8; take a smaller pad or fill 'zero'.",
    ],
  ])('refuses %j at the door', (options, message) => {
    expect(() => dataLoader(set, options)).toThrow(new RangeError(message));
  });

  test('refuses views, epochs and batches that are not there', () => {
    const source = dataLoader(set, { batchSize: 5, augmentations: views, viewCount: 2 });
    expect(() => source.view(2)).toThrow(
      new RangeError('batches: expected a view number from 0 to 1, got 2.'),
    );
    expect(() => source.iterateOnce(2)).toThrow(
      new RangeError('batches: expected a view number from 0 to 1, got 2.'),
    );
    expect(() => source.epoch(-1)).toThrow(
      new RangeError('batches: expected an epoch number ≥ 0, got -1.'),
    );
    expect(() => source.epoch(0, 6)).toThrow(
      new RangeError('batches: expected a first batch from 0 to 5, got 6.'),
    );
  });

  test.each([1, 2, 3])(
    'the shards of %i processes are the whole batches, side by side',
    async (count) => {
      const options = { batchSize: 5, seed: 3, views };
      const whole = dataLoader(set, options);
      const shards = Array.from({ length: count }, (_, rank) =>
        dataLoader(set, { ...options, shard: { rank, size: count } }),
      );
      for (const deal of [
        (source: typeof whole) => source.epoch(1, 2),
        (source: typeof whole) => source.iterateOnce(),
      ]) {
        const [wanted, ...parts] = await Promise.all(
          [whole, ...shards].map((source) => collect(deal(source))),
        );
        wanted?.forEach(({ rows, labels, images }, at) => {
          const side = parts.map((part) => part[at] as Seen);
          expect(side.flatMap((seen) => seen.rows)).toEqual(rows);
          expect(side.flatMap((seen) => seen.labels)).toEqual(labels);
          expect(side.flatMap((seen) => [...seen.images])).toEqual([...images]);
        });
      }
      const { shard: _, ...described } = shards[0] as (typeof shards)[number];
      expect(described).toMatchObject({
        rows: whole.size,
        batchSize: 5,
        batchesPerEpoch: whole.batchesPerEpoch,
      });
    },
  );

  test.each([
    { rank: 2, size: 2 },
    { rank: -1, size: 2 },
    { rank: 0, size: 0.5 },
  ])('shard %j is refused', (shard) => {
    expect(() => dataLoader(set, { batchSize: 5, shard })).toThrow(
      /^batches: expected a shard of rank from 0 to size − 1, got \{"rank"/,
    );
  });
});

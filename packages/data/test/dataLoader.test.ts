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
import { countingDataset } from './support/datasets.ts';

beforeAll(() => setBackend('cpu'));

/** Contents of a batch. */
interface Snapshot {
  readonly images: Float32Array;
  readonly labels: number[];
  readonly indices: number[];
  readonly view: Batch['view'];
}

async function collect(source: AsyncIterable<Batch>): Promise<Snapshot[]> {
  const seen: Snapshot[] = [];
  for await (const { images, labels, indices, view } of source) {
    seen.push({
      images: Float32Array.from(images.dataSync()),
      labels: [...labels.dataSync()],
      indices: [...indices],
      view,
    });
  }
  return seen;
}

function findImage(seen: Snapshot[], index: number, size: number): Float32Array {
  for (const batch of seen) {
    const at = batch.indices.indexOf(index);
    if (at >= 0) return batch.images.slice(at * size, (at + 1) * size);
  }
  throw new Error(`image ${index} is in no batch`);
}

const dataset = countingDataset({ images: 22 });
const size = 8 * 8 * 3;
const augmentations = [randomCrop({ padding: 2 }), randomHorizontalFlip(), cutout({ size: 3 })];

describe('dataLoader', () => {
  test('iterateOnce yields every image in order, the last batch smaller, with its own labels and pixels', async () => {
    const source = dataLoader(dataset, { batchSize: 5, dropLast: true });
    const seen = await collect(source.iterateOnce());
    expect(seen.flatMap((batch) => batch.indices)).toEqual([...dataset.indices]);
    expect(seen.map((batch) => batch.indices.length)).toEqual([5, 5, 5, 5, 2]);
    expect(seen.flatMap((batch) => batch.labels)).toEqual([...dataset.labels]);
    expect(findImage(seen, 21, size)).toEqual(
      Float32Array.from(dataset.images.read(21), (value) => value / 255),
    );
    expect(seen[0]?.view).toEqual({ spec: 'plain', seed: 0 });
  });

  test('an epoch yields every image once in its own order', async () => {
    const source = dataLoader(dataset, { batchSize: 5, seed: 3 });
    const [first, second] = [await collect(source.epoch(0)), await collect(source.epoch(1))];
    const indices = first.flatMap((batch) => batch.indices);
    expect([...indices].sort((a, b) => a - b)).toEqual([...dataset.indices]);
    expect(indices).not.toEqual([...dataset.indices]);
    expect(second.flatMap((batch) => batch.indices)).not.toEqual(indices);
    expect(await collect(dataLoader(dataset, { batchSize: 5, seed: 3 }).epoch(0))).toEqual(first);
    expect(
      (await collect(dataLoader(dataset, { batchSize: 5, seed: 4 }).epoch(0)))[0]?.indices,
    ).not.toEqual(first[0]?.indices);
  });

  test('dropLast drops the smaller batch', async () => {
    const source = dataLoader(dataset, { batchSize: 5, dropLast: true });
    expect(source.batchesPerEpoch).toBe(4);
    expect((await collect(source.epoch(0))).map((batch) => batch.indices.length)).toEqual([
      5, 5, 5, 5,
    ]);
    expect(dataLoader(dataset, { batchSize: 5 }).batchesPerEpoch).toBe(5);
  });

  test('resumes from a batch as if it had never stopped', async () => {
    const source = dataLoader(dataset, { batchSize: 5, seed: 3, augmentations });
    expect(await collect(source.epoch(2, 3))).toEqual((await collect(source.epoch(2))).slice(3));
    expect(await collect(source.epoch(2, 5))).toEqual([]);
  });

  test('pixels of an image and a view depend on nothing else: not on batch size, order, split or epoch', async () => {
    const { train } = trainValidationSplit(dataset, { validation: 6, seed: 1 });
    const sources = [
      dataLoader(dataset, { batchSize: 5, seed: 3, augmentations, viewCount: 2 }).epoch(1),
      dataLoader(dataset, { batchSize: 7, seed: 3, augmentations, viewCount: 2 }).epoch(5),
      dataLoader(train, { batchSize: 3, seed: 3, augmentations }).iterateOnce(1),
      dataLoader(dataset, { batchSize: 22, seed: 3, augmentations }).epoch(1),
    ];
    const [one, ...others] = await Promise.all(sources.map(collect));
    for (const index of train.indices)
      for (const other of others)
        expect(findImage(other, index, size)).toEqual(findImage(one as Snapshot[], index, size));
  });

  test('views repeat after viewCount epochs and are named by spec and seed', async () => {
    const source = dataLoader(dataset, { batchSize: 22, seed: 3, augmentations, viewCount: 2 });
    const seen = await Promise.all(
      [0, 1, 2].map(async (epoch) => (await collect(source.epoch(epoch)))[0]),
    );
    expect(seen.map((batch) => batch?.view.seed)).toEqual(
      [0, 1, 0].map((number) => deriveSeed(3, 'view', number)),
    );
    expect(seen[0]?.view.spec).toBe(
      'randomCrop(padding=2,fill=reflect)+randomHorizontalFlip()+cutout(size=3)',
    );
    expect(source.view(1)).toEqual(seen[1]?.view);
    expect(findImage([seen[0] as Snapshot], 4, size)).toEqual(
      findImage([seen[2] as Snapshot], 4, size),
    );
    expect(findImage([seen[0] as Snapshot], 4, size)).not.toEqual(
      findImage([seen[1] as Snapshot], 4, size),
    );
    expect(dataLoader(dataset, { batchSize: 2, augmentations }).viewCount).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(dataLoader(dataset, { batchSize: 2, viewCount: 9 }).viewCount).toBe(1);
  });

  test('indices are positions in the whole dataset', async () => {
    const { validation } = trainValidationSplit(dataset, { validation: 6, seed: 1 });
    const seen = await collect(dataLoader(validation, { batchSize: 4 }).iterateOnce());
    expect(seen.flatMap((batch) => batch.indices)).toEqual([...validation.indices]);
    expect(seen.flatMap((batch) => batch.labels)).toEqual(
      [...validation.indices].map((index) => dataset.labels[index]),
    );
  });

  test('has tensors of one batch at a time and none when the loop is over or left', async () => {
    const before = memory().numTensors;
    const source = dataLoader(dataset, { batchSize: 5, augmentations });
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

  test('renders the next batch while the consumer waits, and not before', async () => {
    const rendered: number[] = [];
    const counting = {
      spec: 'counting()',
      apply: () => {
        rendered.push(1);
      },
    };
    const iterator = dataLoader(dataset, { batchSize: 5, augmentations: [counting] })
      .epoch(0)
      [Symbol.asyncIterator]();
    rendered.length = 0;
    await iterator.next();
    expect(rendered.length).toBe(5);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(rendered.length).toBe(10);
    await iterator.next();
    await iterator.next();
    expect(rendered.length).toBe(15);
    await iterator.return?.();
  });

  test.each([
    [{ batchSize: 0 }, 'dataLoader: expected batchSize to be a whole number ≥ 1, got 0.'],
    [{ batchSize: 2.5 }, 'dataLoader: expected batchSize to be a whole number ≥ 1, got 2.5.'],
    [
      { batchSize: 23, dropLast: true },
      "dataLoader: expected batchSize ≤ 22, the images of 'counting', with dropLast, got 23.",
    ],
    [
      { batchSize: 2, seed: -1 },
      'dataLoader: expected seed to be a whole number from 0 to 2⁵³ − 1, got -1.',
    ],
    [
      { batchSize: 2, augmentations, viewCount: 0 },
      'dataLoader: expected viewCount a whole number ≥ 1 or Infinity, got 0.',
    ],
    [
      { batchSize: 2, augmentations: [randomCrop({ padding: 8 })] },
      "randomCrop: expected padding less than the sides of the image, 8×8, got 8; take a smaller padding or fill 'zero'.",
    ],
  ])('refuses %j', (options, message) => {
    expect(() => dataLoader(dataset, options)).toThrow(new RangeError(message));
  });

  test('refuses views, epochs and batches that do not exist', () => {
    const source = dataLoader(dataset, { batchSize: 5, augmentations, viewCount: 2 });
    expect(() => source.view(2)).toThrow(
      new RangeError('dataLoader: expected a view number from 0 to 1, got 2.'),
    );
    expect(() => source.iterateOnce(2)).toThrow(
      new RangeError('dataLoader: expected a view number from 0 to 1, got 2.'),
    );
    expect(() => source.epoch(-1)).toThrow(
      new RangeError('dataLoader: expected an epoch number ≥ 0, got -1.'),
    );
    expect(() => source.epoch(0, 6)).toThrow(
      new RangeError('dataLoader: expected a first batch from 0 to 5, got 6.'),
    );
  });

  test.each([1, 2, 3])(
    'the shards of %i processes are the whole batches, side by side',
    async (count) => {
      const options = { batchSize: 5, seed: 3, augmentations };
      const whole = dataLoader(dataset, options);
      const shards = Array.from({ length: count }, (_, rank) =>
        dataLoader(dataset, { ...options, shard: { rank, size: count } }),
      );
      for (const iterate of [
        (source: typeof whole) => source.epoch(1, 2),
        (source: typeof whole) => source.iterateOnce(),
      ]) {
        const [expected, ...parts] = await Promise.all(
          [whole, ...shards].map((source) => collect(iterate(source))),
        );
        expected?.forEach(({ indices, labels, images }, at) => {
          const side = parts.map((part) => part[at] as Snapshot);
          expect(side.flatMap((seen) => seen.indices)).toEqual(indices);
          expect(side.flatMap((seen) => seen.labels)).toEqual(labels);
          expect(side.flatMap((seen) => [...seen.images])).toEqual([...images]);
        });
      }
      const { shard: _, ...described } = shards[0] as (typeof shards)[number];
      expect(described).toMatchObject({
        size: whole.size,
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
    expect(() => dataLoader(dataset, { batchSize: 5, shard })).toThrow(
      /^dataLoader: expected a shard of rank from 0 to size − 1, got \{"rank"/,
    );
  });
});

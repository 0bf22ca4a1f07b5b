import '@tensorflow/tfjs-backend-cpu';
import type { Batch } from '@kd/core';
import { memory, setBackend } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cutmix,
  dataLoader,
  imageDataset,
  type Mixing,
  mixup,
  randomChoice,
  randomCrop,
  trainValidationSplit,
} from '../../src/index.ts';
import { countingDataset } from '../support/datasets.ts';

beforeAll(() => setBackend('cpu'));

const dataset = countingDataset({ images: 24, classes: 4 });
const size = 8 * 8 * 3;

/** Pictures and targets of each image by index. */
type Mixed = Map<number, { image: number[]; target: number[]; label: number }>;

async function collect(batches: AsyncIterable<Batch>): Promise<Mixed> {
  const mixed: Mixed = new Map();
  for await (const { images, labels, targets, indices } of batches) {
    const [pixels, rows] = [images.dataSync(), targets?.dataSync() ?? []];
    const classes = targets?.shape[1] ?? 0;
    indices.forEach((index, at) => {
      mixed.set(index, {
        image: [...pixels.slice(at * size, (at + 1) * size)],
        target: [...rows.slice(at * classes, (at + 1) * classes)],
        label: labels.dataSync()[at] as number,
      });
    });
  }
  return mixed;
}

const byIndex = (mixed: Mixed) => new Map([...mixed].sort(([a], [b]) => a - b));

describe('dataLoader with mixing', () => {
  const mixing = randomChoice([mixup({ alpha: 0.4 }), cutmix({ alpha: 1 })]);
  const options = { seed: 3, augmentations: [randomCrop({ padding: 2 })], mixing, viewCount: 2 };

  test('pictures and targets depend on the view and the image: not on the batch and the order', async () => {
    const expected = await collect(dataLoader(dataset, { ...options, batchSize: 5 }).iterateOnce());
    for (const batchSize of [1, 7, 24]) {
      const loader = dataLoader(dataset, { ...options, batchSize });
      expect(byIndex(await collect(loader.epoch(0)))).toEqual(expected);
      expect(byIndex(await collect(loader.epoch(2)))).toEqual(expected);
      expect(byIndex(await collect(loader.epoch(1)))).not.toEqual(expected);
    }
    const parts = await Promise.all(
      [0, 1].map((rank) =>
        collect(
          dataLoader(dataset, { ...options, batchSize: 6, shard: { rank, size: 2 } }).epoch(0),
        ),
      ),
    );
    expect(byIndex(new Map(parts.flatMap((part) => [...part])))).toEqual(expected);
  });

  test('the picture and the target are the same mixture of the image and its partner', async () => {
    // Images of one color and one class each show their shares.
    const plain = imageDataset({
      pixels: Uint8Array.from({ length: 4 * size }, (_, at) => 60 * Math.floor(at / size)),
      labels: [0, 1, 2, 3],
      imageShape: [8, 8, 3],
      classNames: ['0', '1', '2', '3'],
    });
    for (const way of [mixup({ alpha: 1 }), cutmix({ alpha: 1 })]) {
      const loader = dataLoader(plain, { batchSize: 4, mixing: way });
      for (let epoch = 0; epoch < 20; epoch++) {
        for (const [index, { image, target, label }] of await collect(loader.epoch(epoch))) {
          expect(label).toBe(index);
          expect(target.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
          const mean = image.reduce((sum, value) => sum + value, 0) / size;
          const expected = target.reduce((sum, share, of) => sum + (share * 60 * of) / 255, 0);
          expect(mean).toBeCloseTo(expected, 5);
        }
      }
    }
  });

  test('partners are all images of a subset and no others, and the view names the subset', async () => {
    const { train } = trainValidationSplit(dataset, { validation: 8, seed: 0 });
    const seen = new Set<number>();
    const show: Mixing = {
      spec: 'show()',
      mix(image, partner) {
        image.set(partner);
        return 0;
      },
    };
    const loader = dataLoader(train, { batchSize: 16, mixing: show });
    const keyOf = (image: ArrayLike<number>) => Array.from(image, (v) => v.toFixed(4)).join();
    const known = new Map<string, number>();
    for (let index = 0; index < 24; index++)
      known.set(keyOf(Array.from(dataset.images.read(index), (value) => value / 255)), index);
    for (let epoch = 0; epoch < 20; epoch++)
      for (const { image } of (await collect(loader.epoch(epoch))).values())
        seen.add(known.get(keyOf(image)) as number);
    expect([...seen].sort((a, b) => a - b)).toEqual([...train.indices]);
    expect(loader.view(0).spec).toMatch(/^show\(\)\+partners\(count=16,hash=[0-9a-f]{8}\)$/);
    expect(dataLoader(dataset, { batchSize: 4, mixing: show }).view(0).spec).toBe('show()');
  });

  test('an image without a label or with such a partner has a target of zeros', async () => {
    const some = imageDataset({
      pixels: Uint8Array.from({ length: 12 * size }, (_, at) => at % 256),
      labels: Array.from({ length: 12 }, (_, index) => (index % 3) - 1),
      imageShape: [8, 8, 3],
      classNames: ['a', 'b'],
    });
    const loader = dataLoader(some, { batchSize: 12, mixing: mixup({ alpha: 1 }), viewCount: 9 });
    const sums: number[] = [];
    for (let epoch = 0; epoch < 9; epoch++) {
      for (const { target, label } of (await collect(loader.epoch(epoch))).values()) {
        const sum = target.reduce((total, value) => total + value, 0);
        if (label < 0) expect(sum).toBe(0);
        else sums.push(Math.round(sum));
      }
    }
    expect(new Set(sums)).toEqual(new Set([0, 1]));
  });

  test('views are named by the mixture, and repeat only if asked to', () => {
    const loader = dataLoader(dataset, { batchSize: 4, mixing });
    expect(loader.viewCount).toBe(Number.POSITIVE_INFINITY);
    expect(loader.view(0).spec).toBe('randomChoice(mixup(alpha=0.4),cutmix(alpha=1))');
    expect(loader.view(0).seed).not.toBe(0);
    expect(dataLoader(dataset, { ...options, batchSize: 4 }).view(0).spec).toBe(
      'randomCrop(padding=2,fill=reflect)+randomChoice(mixup(alpha=0.4),cutmix(alpha=1))',
    );
  });

  test('has the tensors of one batch at a time, and none when the loop is left', async () => {
    const before = memory().numTensors;
    for await (const batch of dataLoader(dataset, { ...options, batchSize: 5 }).epoch(0)) {
      expect(batch.targets?.shape).toEqual([batch.indices.length, 4]);
      expect(memory().numTensors).toBe(before + 3);
      if (batch.indices.length > 0) break;
    }
    expect(memory().numTensors).toBe(before);
  });

  test.each([
    [() => mixup({ alpha: 0 }), 'mixup: expected alpha > 0, got 0; 0.2 is usual.'],
    [() => cutmix({ alpha: Number.NaN }), 'cutmix: expected alpha > 0, got NaN; 1 is usual.'],
    [() => randomChoice([]), 'randomChoice: expected at least one way to mix, got none.'],
  ])('refuses %s', (create, message) => {
    expect(create).toThrow(new RangeError(message));
  });
});

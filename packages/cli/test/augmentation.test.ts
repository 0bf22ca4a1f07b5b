import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Augmentation, createAugmentation } from '../src/experiment/augmentation.ts';
import { configure } from '../src/experiment/configure.ts';
import { defineExperiment, type Experiment } from '../src/experiment/defineExperiment.ts';
import { experiment as tiny } from './fixtures/tinyExperiment.ts';
import { tinyRun } from './fixtures/tinyRun.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-augmentation-'));
afterAll(() => rmSync(root, { recursive: true }));

const all: Augmentation = {
  padding: 1,
  flip: true,
  views: 2,
  randomResizedCrop: { scale: [0.5, 1] },
  randAugment: { magnitude: 5 },
  colorJitter: { brightness: 0.4 },
  randomErasing: { probability: 0.25 },
  mixing: { mixup: 0.2, cutmix: 1 },
};

test('augmentations are applied in the order of torchvision', () => {
  const { augmentations, mixing } = createAugmentation(all);
  expect(augmentations.map(({ spec }) => spec.replace(/\(.*/, ''))).toEqual([
    ...['randomResizedCrop', 'randomCrop', 'randomHorizontalFlip', 'randAugment'],
    ...['colorJitter', 'randomErasing'],
  ]);
  expect(mixing?.spec).toMatch(/mixup\(alpha=0\.2\).*cutmix\(alpha=1\)/);
  expect(createAugmentation({ padding: 0, flip: false, views: 1 })).toEqual({ augmentations: [] });
});

test('a run with all of them ends, and so does a sampled and weighted one', async () => {
  const record = await tinyRun(path.join(root, 'all'), { config: { augmentation: all } });
  expect(record.status).toBe('finished');
  expect(record.config.augmentation).toEqual(all);
  const balanced = { sampling: 'classBalanced', classWeights: 'balanced' } as const;
  expect((await tinyRun(path.join(root, 'balanced'), { config: balanced })).config).toMatchObject(
    balanced,
  );
});

describe('defineExperiment', () => {
  const define = (augmentation: object) =>
    defineExperiment({ ...tiny, augmentation: { ...all, ...augmentation } } as Experiment);

  test.each<[object, RegExp]>([
    [{ colorJitter: { tint: 1 } }, /augmentation\.colorJitter: expected only .*, got tint; it is/],
    [{ randomResizedCrop: { scale: [2, 1] } }, /augmentation: randomResizedCrop: expected .*scale/],
    [{ mixing: { mixup: 0 } }, /augmentation\.mixing\.mixup: expected alpha > 0, got 0\.$/],
    [{ randAugment: { magnitude: 31 } }, /augmentation: randAugment: expected .*magnitude/],
  ])('%j is refused by name', (change, message) => {
    expect(() => define(change)).toThrow(message);
  });

  test('methods that need labels are refused with mixed images', () => {
    expect(() => configure(define({}), { method: 'dkd' })).toThrow(
      '--method: expected one that needs no labels, for mixed images have two, got dkd; softTargets is one.',
    );
  });
});

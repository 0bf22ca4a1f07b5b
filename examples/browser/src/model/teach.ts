import {
  type Batch,
  type DataLoader,
  fingerprint,
  type Network,
  type Teacher,
  triangular,
} from '@kd/core';
import { dataLoader, imageDataset, randomCrop, randomHorizontalFlip } from '@kd/data';
import { memoryStore } from '@kd/files';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { freeze, splitBackbone, unfreeze } from '@kd/models';
import {
  adam,
  cachedBatches,
  cachedTeacher,
  cacheOutputs,
  type EpochReport,
  evaluate,
  type Metrics,
  type TrainOptions,
  train,
} from '@kd/trainer';

/** Pictures of a visitor, ready for the networks. */
export interface Lesson {
  readonly classNames: readonly string[];
  /** uint8 [pictures, height, width, 3] flattened. */
  readonly pixels: Uint8Array;
  /** [pictures], 0 ≤ label < classNames.length. */
  readonly labels: readonly number[];
  /** [height, width, 3]. */
  readonly imageShape: readonly [number, number, number];
  /** Temperature of the teacher's soft labels. */
  readonly temperature: number;
}

/** A point of the curve. */
export interface TeachingProgress {
  /** Who learns. */
  readonly learner: 'teacher' | 'student';
  /** From 0, which is before the first step. */
  readonly epoch: number;
  readonly epochs: number;
  /** Mean cross entropy of the student with the labels of the pictures as they are, nats. */
  readonly loss: number;
  /** Fraction of the pictures that the learner names correctly. */
  readonly accuracy: number;
}

/** Views of every picture: the teacher is evaluated once on each. */
const views = 8;
const batchSize = 16;
const weights = { labels: 0.1, teacher: 0.9 } as const;

/** Fewest passes over the pictures. */
const fewestEpochs = 5;

/** The parts of the lesson: about as many steps whatever the number of pictures, and Adam's peak. */
const parts = {
  /** The teacher's new last layer. */
  teacherHead: { steps: 120, peakRate: 0.02 },
  /** The student's new last layer, which would spoil the others while it knows nothing. */
  studentHead: { steps: 120, peakRate: 0.03 },
  /** All of the student. */
  student: { steps: 80, peakRate: 0.001 },
} as const;

/**
 * Teaches new classes by distillation, in place, from a few pictures.
 *
 * The teacher gets a new last layer, trained on its own features of the pictures; the rest of it
 * stays. The student learns from the labels and the teacher's soft labels: first its last layer,
 * then all of it.
 * @param student Trained on other classes, with a new last layer. @param teacher As the student.
 * @returns The curve: the teacher's part, then the student's.
 */
export async function* teach(
  student: Network,
  teacher: Network,
  lesson: Lesson,
): AsyncGenerator<TeachingProgress, void, undefined> {
  const { pixels, labels, imageShape, classNames, temperature } = lesson;
  const dataset = imageDataset({ name: 'pictures', pixels, labels, imageShape, classNames });
  const augmentations = [
    randomCrop({ padding: Math.max(1, Math.round(imageShape[0] / 8)), fill: 'reflect' }),
    randomHorizontalFlip(),
  ];
  const data = dataLoader(dataset, { batchSize, seed: 0, augmentations, viewCount: views });
  const plain = dataLoader(dataset, { batchSize: 64 });
  const { backbone, head } = splitBackbone(teacher);
  const [store, plainStore] = [memoryStore(), memoryStore()];
  await cacheOutputs({ backbone, data, store });
  await cacheOutputs({ backbone, data: plain, store: plainStore });
  const features = await cachedBatches({ backbone, data, store });
  const teacherPart = {
    learner: 'teacher',
    network: head,
    validation: await cachedBatches({ backbone, data: plain, store: plainStore }),
    options: { data: features, objective: combine({ labels: crossEntropy() }) },
  } as const;
  yield* watch(teacherPart, [parts.teacherHead]);

  const studentPart = {
    learner: 'student',
    network: student,
    validation: plain,
    options: {
      data,
      teacher: await cacheAnswers(teacher, head, { ...features, dataset }, data),
      objective: combine({
        labels: weighted(weights.labels, crossEntropy()),
        teacher: weighted(weights.teacher, softTargets({ temperature })),
      }),
    },
  } as const;
  yield* watch(studentPart, [parts.studentHead, parts.student]);
}

/** What of a network's training stays the same from part to part. */
interface Learning {
  readonly learner: TeachingProgress['learner'];
  readonly network: Network;
  /** The pictures as they are. */
  readonly validation: DataLoader;
  readonly options: Pick<TrainOptions, 'data' | 'teacher' | 'objective'>;
}

/**
 * Trains a network part after part, the body frozen in all but the last of several, and measures
 * it on the pictures as they are, before the first step and after every epoch.
 */
async function* watch(
  { learner, network, validation, options }: Learning,
  schedule: readonly { readonly steps: number; readonly peakRate: number }[],
): AsyncGenerator<TeachingProgress, void, undefined> {
  const lengths = schedule.map(({ steps }) =>
    Math.max(fewestEpochs, Math.round(steps / options.data.batchesPerEpoch)),
  );
  const epochs = lengths.reduce((sum, length) => sum + length, 0);
  const point = (epoch: number, { loss, top1: accuracy }: Metrics): TeachingProgress => ({
    learner,
    epoch,
    epochs,
    loss,
    accuracy,
  });
  yield point(0, await evaluate(network, validation));
  let before = 0;
  for (const [at, { peakRate }] of schedule.entries()) {
    const isHeadOnly = at < schedule.length - 1;
    if (isHeadOnly) freeze(network, 'body');
    else if (at > 0) unfreeze(network);
    const part = train({
      ...options,
      student: network,
      validation,
      optimizer: adam(),
      learningRate: triangular({ peak: peakRate, rise: 0.25 }),
      epochs: lengths[at] as number,
      seed: at,
    });
    for await (const report of part) yield point(before + report.epoch, metricsOf(report));
    before += lengths[at] as number;
  }
}

function metricsOf({ validation }: EpochReport): Metrics {
  return validation as Metrics;
}

/** The teacher's logits of every view, computed from its cached features. */
async function cacheAnswers(
  teacher: Network,
  head: Network,
  features: DataLoader,
  data: DataLoader,
): Promise<Teacher> {
  const answer: Teacher = Object.assign(
    ({ images }: Batch) => head.forward(images, { training: false }),
    { fingerprint: () => fingerprint(teacher) },
  );
  const store = memoryStore();
  await cacheOutputs({ teacher: answer, data: features, store });
  return cachedTeacher({ store, data, teacher: await fingerprint(teacher) });
}

import { formatElapsed } from '@kd/core/internal';
import type { RunConfig } from '../experiment/configure.ts';
import { findMethod } from '../experiment/methods.ts';
import type { Effort } from './chooseTraining.ts';
import type { Speeds } from './measureSpeeds.ts';

/** Seconds of the parts of a run. */
export interface EstimatedTime {
  readonly teacher: number;
  readonly alone: number;
  /** With the cached answers of the teacher. */
  readonly distilled: number;
  readonly test: number;
  readonly total: number;
}

/** Estimates how long a run takes, without the start and the images. */
export function estimateTime(config: RunConfig, speeds: Speeds): EstimatedTime {
  const { images, teacher, student, seeds, augmentation, distillation } = config;
  const { train = 0, validation = 0, test = 0, unlabelled = 0 } = images;
  const { needs } = findMethod(distillation.method);
  const { teacherTraining, teacherForward, studentTraining, studentForward } = speeds;
  const views = Math.min(augmentation.views, student.epochs);
  const isPretrained = teacher.backbone !== undefined;
  const taught = train + unlabelled;
  const epoch = (count: number, training: number, forward: number) =>
    count / training + validation / forward;
  const outputs = (needs === 'features' ? student.epochs : needs === 'logits' ? views : 0) * taught;
  const parts = {
    teacher: isPretrained
      ? (Math.min(augmentation.views, teacher.epochs) * train + validation) / teacherForward
      : teacher.epochs * epoch(train, teacherTraining, teacherForward),
    alone: seeds.length * student.epochs * epoch(train, studentTraining, studentForward),
    distilled:
      seeds.length * student.epochs * epoch(taught, studentTraining, studentForward) +
      // A pretrained teacher's features are there already for the first seed.
      ((seeds.length - (isPretrained && needs === 'logits' ? 1 : 0)) * outputs) / teacherForward,
    test: test / teacherForward + (2 * seeds.length * test) / studentForward,
  };
  return { ...parts, total: parts.teacher + parts.alone + parts.distilled + parts.test };
}

/**
 * Finds the most work that fits into a time. With more time than the usual, first more images are
 * taken, then more epochs; with less, first fewer images, down to a fifth: a teacher that is hardly
 * trained has nothing to teach.
 * @param configOf The run at an effort; `isAll`: whether it has all images already.
 * @returns The smallest effort where nothing fits.
 */
export function findEffort(
  seconds: number,
  configOf: (effort: Effort) => { readonly config: RunConfig; readonly isAll: boolean },
  speeds: Speeds,
): Effort {
  let fitting = effortOf(leastWork, () => false);
  for (let work = leastWork; work <= mostWork; work *= 1.03) {
    const effort = effortOf(work, (images) => configOf({ images, epochs: 1 }).isAll);
    if (estimateTime(configOf(effort).config, speeds).total > seconds) break;
    fitting = effort;
  }
  return fitting;
}

/** Work relative to the usual one. */
const leastWork = 0.02;
const mostWork = 64;

/** Images are not cut below this share of the usual before epochs are. */
const fewestImages = 0.2;

/** Epochs are not cut below this share of the usual, nor raised above this multiple. */
const fewestEpochs = 0.5;
const mostEpochs = 4;

function effortOf(work: number, isAll: (images: number) => boolean): Effort {
  if (work < fewestImages * fewestEpochs)
    return { images: work / fewestEpochs, epochs: fewestEpochs };
  if (work < fewestImages) return { images: fewestImages, epochs: work / fewestImages };
  if (work <= 1) return { images: work, epochs: 1 };
  if (!isAll(work)) return { images: work, epochs: 1 };
  let images = 1;
  while (!isAll(images)) images *= 1.03;
  return { images, epochs: Math.min(mostEpochs, Math.max(1, work / images)) };
}

/** Describes a run and its time: `about 9 min: teacher 8 epochs 4 min 6 s, …`. */
export function describeTime({ teacher, student }: RunConfig, time: EstimatedTime): string {
  return [
    `about ${formatElapsed(time.total)}: teacher, ${teacher.epochs} epochs, ${formatElapsed(time.teacher)}`,
    `student alone, ${student.epochs} epochs, ${formatElapsed(time.alone)}`,
    `student distilled, ${formatElapsed(time.distilled)}`,
    `test ${formatElapsed(time.test)}`,
  ].join('; ');
}

/**
 * Knowledge distillation by hand: the whole experiment with the packages alone, top to bottom.
 *
 * A ResNet-9 is the teacher. Three convolutions are the student, once trained on the labels alone
 * and once taught by the teacher: from the same weights, on the same images in the same order.
 *
 * Claim: the distilled student is more accurate on the test images, by about 4 points. Seed: 0.
 * Hardware: 2 CPU cores, engine tensorflow. Minutes: 1. With `--small`, which its test runs, it does
 * everything on a handful of images and claims nothing.
 */
import { parseArgs } from 'node:util';
import { type Network, triangular } from '@kd/core';
import {
  dataLoader,
  randomCrop,
  randomHorizontalFlip,
  stratifiedSubset,
  trainValidationSplit,
} from '@kd/data';
import { loadCifar10 } from '@kd/data/node';
import { startEngine } from '@kd/engine';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { profile, resnet9, studentCnn } from '@kd/models';
import { evaluate, sgd } from '@kd/trainer';
import { distill, fit } from '@kd/trainer/node';

// 1. Settings. The students have fewer labelled images than their teacher, as is usual in practice.
const { values: flags } = parseArgs({ options: { small: { type: 'boolean', default: false } } });
const settings = {
  seed: 0,
  teacherImages: flags.small ? 1_000 : 8_000,
  studentImages: flags.small ? 256 : 1_000,
  validationImages: flags.small ? 250 : 500,
  testImages: flags.small ? 500 : 2_000,
  batchSize: 64,
  /** Views of every image: the teacher is evaluated once on each. */
  views: 4,
  teacher: { width: 0.25, epochs: flags.small ? 2 : 5, peakRate: 0.2 },
  student: { epochs: flags.small ? 3 : 20, peakRate: 0.4 },
  temperature: 4,
  weights: { labels: 0.1, teacher: 0.9 },
} as const;
const { seed, batchSize } = settings;

// 2. The engine: TensorFlow if it is installed, else WebAssembly.
await startEngine();

// 3. The images: a stratified part of CIFAR-10, split in training and validation images.
const cifar = await loadCifar10();
const { train, validation } = trainValidationSplit(
  stratifiedSubset(cifar.train, settings.teacherImages + settings.validationImages, { seed }),
  { validation: settings.validationImages, seed },
);
const test = stratifiedSubset(cifar.test, settings.testImages, { seed });
const classes = train.classNames.length;

// 4. The loaders. A view is a random crop and flip that depends on the seed, the image and the
//    number of the view alone: both students are trained on the same ones.
const augmentations = [randomCrop({ padding: 4, fill: 'reflect' }), randomHorizontalFlip()];
const teacherLoader = dataLoader(train, { batchSize, seed, augmentations, dropLast: true });
const studentLoader = dataLoader(stratifiedSubset(train, settings.studentImages, { seed }), {
  batchSize,
  seed,
  augmentations,
  viewCount: settings.views,
  dropLast: true,
});
const validationLoader = dataLoader(validation, { batchSize: 250 });
const testLoader = dataLoader(test, { batchSize: 250 });

// 5. What all three trainings have in common. The epoch with the best validation accuracy is kept.
const training = (name: string, schedule: { peakRate: number; epochs: number }) => ({
  validation: validationLoader,
  optimizer: sgd({ momentum: 0.9, nesterov: true, weightDecay: 5e-4 }),
  learningRate: triangular({ peak: schedule.peakRate, rise: 0.25 }),
  epochs: schedule.epochs,
  seed,
  label: name,
  directory: `runs/by-hand/${name}`,
});
const labelsOnly = combine({ labels: crossEntropy() });

// 6. The teacher, trained on the labels.
const teacher = resnet9({ classes, seed, width: settings.teacher.width });
await fit({
  ...training('teacher', settings.teacher),
  network: teacher,
  data: teacherLoader,
  objective: labelsOnly,
});

// 7. The student alone: the baseline.
const baseline = studentCnn({ classes, seed });
await fit({
  ...training('baseline', settings.student),
  network: baseline,
  data: studentLoader,
  objective: labelsOnly,
});

// 8. The student distilled: the same first weights, and a loss that compares its softened
//    probabilities with the teacher's (Hinton et al. 2015). `distill` first caches the teacher's
//    logits on every view, so that the teacher costs nothing during the training.
const distilled = studentCnn({ classes, seed });
await distill({
  ...training('distilled', settings.student),
  teacher,
  student: distilled,
  data: studentLoader,
  objective: combine({
    labels: weighted(settings.weights.labels, crossEntropy()),
    teacher: weighted(settings.weights.teacher, softTargets({ temperature: settings.temperature })),
  }),
});

// 9. The test images, once for each network, after all choices are made.
const evaluateOnTest = async (network: Network) => {
  const { top1: accuracy, calibrationError } = await evaluate(network, testLoader);
  return { parameters: profile(network, train.imageShape).parameters, accuracy, calibrationError };
};
const results = {
  teacher: await evaluateOnTest(teacher),
  baseline: await evaluateOnTest(baseline),
  distilled: await evaluateOnTest(distilled),
};
console.table(results);

// 10. An experiment whose claim does not hold has failed. So few images claim nothing.
if (!flags.small && results.distilled.accuracy <= results.baseline.accuracy) {
  console.error('The claim does not hold: the distilled student is not better than the baseline.');
  process.exitCode = 1;
}

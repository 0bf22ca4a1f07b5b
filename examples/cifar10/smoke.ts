/**
 * Everything once, on a handful of images.
 *
 * Claim: none. Seeds: 0. Hardware: 2 CPU cores, any engine. Minutes: half.
 */
import { defineExperiment } from '@kd/cli';
import { loadCifar10 } from '@kd/data/node';

export const experiment = defineExperiment({
  name: 'smoke',
  about: 'Does everything once, on a handful of images.',
  claim: false,
  dataset: loadCifar10,
  images: { train: 1_300, validation: 200, test: 1_000 },
  teacher: { architecture: 'resnet9-w0.125', epochs: 5 },
  student: { architecture: 'student-cnn', epochs: 4 },
  assistant: 'student-cnn-wide',
  distillation: { method: 'softTargets', temperature: 4, weights: { labels: 0.1, method: 0.9 } },
  augmentation: { padding: 4, flip: true, views: 2 },
  optimizer: { name: 'sgd', batchSize: 128, momentum: 0.9, weightDecay: 5e-4, rise: 0.25 },
  seeds: [0],
});

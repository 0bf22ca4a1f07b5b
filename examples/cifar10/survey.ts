/**
 * What `npm run survey` gives every method: a teacher that saw 47,000 images, students that see
 * 5,000 of them for 8 epochs.
 *
 * Claim: none; it finds out. Seeds: 0, 1, 2. Hardware: 2 CPU cores, engine tensorflow. Minutes:
 * about one for each method and seed, less where the teacher's logits are cached.
 */
import { defineExperiment } from '@kd/cli';
import { loadCifar10 } from '@kd/data/node';

export const experiment = defineExperiment({
  name: 'survey',
  about: 'A small training for each method, all with the same teacher.',
  claim: false,
  dataset: loadCifar10,
  images: { train: 47_000, validation: 3_000, student: 5_000, test: 10_000 },
  teacher: { architecture: 'resnet9-w0.125', epochs: 8 },
  student: { architecture: 'student-cnn', epochs: 8 },
  assistant: 'student-cnn-wide',
  distillation: { method: 'softTargets', temperature: 4, weights: { labels: 0.1, method: 0.9 } },
  augmentation: { padding: 4, flip: true, views: 8 },
  optimizer: { name: 'sgd', batchSize: 128, momentum: 0.9, weightDecay: 5e-4, rise: 0.25 },
  seeds: [0, 1, 2],
});

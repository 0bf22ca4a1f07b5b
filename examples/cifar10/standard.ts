/**
 * All 50,000 images: a full ResNet-9 teaches the student of PyTorch's tutorial at 32 × 32.
 *
 * Claim: the distilled student beats the same student trained alone; not measured yet. Seeds: 0.
 * Hardware: 2 CPU cores, engine tensorflow. Minutes: hours; it can be interrupted and resumed.
 */
import { defineExperiment } from '@kd/cli';
import { loadCifar10 } from '@kd/data/node';

export const experiment = defineExperiment({
  name: 'standard',
  about: "On all images, a full ResNet-9 teaches the tutorial's student.",
  claim: true,
  dataset: loadCifar10,
  images: { train: 45_000, validation: 5_000, test: 10_000 },
  teacher: { architecture: 'resnet9', epochs: 30 },
  student: { architecture: 'tutorial-cnn', epochs: 40 },
  assistant: 'resnet9-w0.5',
  distillation: { method: 'softTargets', temperature: 4, weights: { labels: 0.1, method: 0.9 } },
  augmentation: { padding: 4, flip: true, views: 8 },
  optimizer: { name: 'sgd', batchSize: 128, momentum: 0.9, weightDecay: 5e-4, rise: 0.25 },
  seeds: [0],
});

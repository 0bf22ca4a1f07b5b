/**
 * What quick becomes where there is no TensorFlow: fewer images and epochs.
 *
 * Claim: none, since its gain is smaller than its noise may be. Seeds: 0. Hardware: 2 CPU cores,
 * engine wasm. Minutes: up to 10.
 */
import { defineExperiment } from '@kd/cli';
import { loadCifar10 } from '@kd/data/node';

export const experiment = defineExperiment({
  name: 'quickWasm',
  about: 'The smaller quick, for computers without TensorFlow.',
  claim: false,
  dataset: loadCifar10,
  images: { train: 4_000, validation: 500, test: 2_000 },
  teacher: { architecture: 'resnet9-w0.125', epochs: 8 },
  student: { architecture: 'student-cnn', epochs: 12 },
  assistant: 'student-cnn-wide',
  distillation: { method: 'softTargets', temperature: 4, weights: { labels: 0.1, method: 0.9 } },
  augmentation: { padding: 4, flip: true, views: 3 },
  optimizer: { name: 'sgd', batchSize: 128, momentum: 0.9, weightDecay: 5e-4, rise: 0.25 },
  seeds: [0],
});

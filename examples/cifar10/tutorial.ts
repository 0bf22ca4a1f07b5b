/**
 * The recipe of PyTorch's distillation tutorial with its defects repaired; `--as-published` runs it
 * with them. It needs weights: `--teacher-weights hf://timm/resnet50.a1_in1k`.
 *
 * Claim: the distilled student beats the same student trained alone; none with --as-published.
 * Seeds: 0. Hardware: 2 CPU cores, engine tensorflow. Minutes: hours; it can be interrupted and
 * resumed.
 */
import { defineExperiment } from '@kd/cli';
import { loadCifar10 } from '@kd/data/node';

export const experiment = defineExperiment({
  name: 'tutorial',
  about: "The recipe of PyTorch's tutorial, its defects repaired.",
  published: true,
  claim: true,
  dataset: loadCifar10,
  images: { train: 45_000, validation: 5_000, test: 10_000 },
  teacher: { architecture: 'resnet50-imagenet', epochs: 10, peakRate: 1e-3 },
  student: { architecture: 'tutorial-cnn', epochs: 20, peakRate: 1e-3 },
  assistant: 'resnet9-w0.5',
  distillation: { method: 'softTargets', temperature: 1, weights: { labels: 0.5, method: 0.5 } },
  augmentation: { padding: 0, flip: false, views: 1 },
  optimizer: { name: 'adam', batchSize: 64 },
  seeds: [0],
});

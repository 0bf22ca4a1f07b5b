/**
 * EfficientNet-Lite0 with ImageNet weights learns a new head and teaches three convolutions.
 *
 * Claim: the distilled student beats the same student trained alone. Seeds: 0; the README quotes
 * 3, 4, 5, which had no part in choosing the method. Hardware: 2 CPU cores, engine tensorflow; pip,
 * which fetches the weights. Minutes: about 10.
 */
import { defineExperiment } from '@kd/cli';
import { loadCifar10 } from '@kd/data/node';

export const experiment = defineExperiment({
  name: 'pretrained',
  about: 'On 10,000 images, EfficientNet-Lite0 with ImageNet weights teaches three convolutions.',
  claim: true,
  dataset: loadCifar10,
  images: { train: 10_000, validation: 1_000, test: 10_000 },
  teacher: { architecture: 'efficientnet-lite0', epochs: 10 },
  student: { architecture: 'student-cnn', epochs: 15 },
  assistant: 'resnet9-w0.125',
  distillation: { method: 'dist', temperature: 4, weights: { labels: 1, method: 2 } },
  augmentation: { padding: 4, flip: true, views: 4 },
  optimizer: { name: 'sgd', batchSize: 128, momentum: 0.9, weightDecay: 5e-4, rise: 0.25 },
  seeds: [0],
});

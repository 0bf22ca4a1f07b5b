import { ensure } from '@kd/core';
import { div, sub, type Tensor4D, tensor1d, tidy } from '@tensorflow/tfjs-core';

/** Mean and standard deviation of every channel, of images from 0 to 1. */
export interface ChannelNormalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Of the 50,000 training pictures of CIFAR-10. */
export const cifar10Normalization: ChannelNormalization = {
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
};

/** Of the 50,000 training pictures of CIFAR-100. */
export const cifar100Normalization: ChannelNormalization = {
  mean: [0.5071, 0.4867, 0.4408],
  std: [0.2675, 0.2565, 0.2761],
};

/** Of ImageNet, as torchvision's pretrained networks want them. */
export const imagenetNormalization: ChannelNormalization = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** From about −1 to 1: what TensorFlow trained its networks for phones with. */
export const efficientNetLiteNormalization: ChannelNormalization = {
  mean: [127 / 255, 127 / 255, 127 / 255],
  std: [128 / 255, 128 / 255, 128 / 255],
};

/** Throws unless the statistics are usable. */
export function checkStatistics(
  caller: string,
  { mean, std: deviation }: ChannelNormalization,
): void {
  ensure(
    mean.length >= 1 && mean.length === deviation.length,
    caller,
    'one mean and one deviation a channel',
    [mean.length, deviation.length],
  );
  ensure(mean.every(Number.isFinite), caller, 'finite means', mean);
  ensure(
    deviation.every((value) => value > 0 && Number.isFinite(value)),
    caller,
    'deviations > 0',
    deviation,
    'leave constant channels at 1',
  );
}

/** (images − mean) / deviation. @param images [batch, height, width, channels], 0–1. */
export function normalizeChannels(
  images: Tensor4D,
  { mean, std: deviation }: ChannelNormalization,
): Tensor4D {
  return tidy(() => div(sub(images, tensor1d([...mean])), tensor1d([...deviation])));
}

/** For a recorded teacher's identity. */
export function describeNormalization({ mean, std: deviation }: ChannelNormalization): string {
  return `normalize(mean=[${mean.join(',')}],deviation=[${deviation.join(',')}])`;
}

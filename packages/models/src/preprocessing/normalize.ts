import { ensure } from '@kd/core';
import { div, sub, type Tensor4D, tensor1d, tidy } from '@tensorflow/tfjs-core';

/** Mean and standard deviation of every channel, for images in the range 0–1. */
export interface ChannelNormalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Mean and standard deviation of the 50,000 training images of CIFAR-10. */
export const cifar10Normalization: ChannelNormalization = {
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
};

/** Mean and standard deviation of the 50,000 training images of CIFAR-100. */
export const cifar100Normalization: ChannelNormalization = {
  mean: [0.5071, 0.4867, 0.4408],
  std: [0.2675, 0.2565, 0.2761],
};

/** Mean and standard deviation of ImageNet, as torchvision's pretrained networks expect them. */
export const imagenetNormalization: ChannelNormalization = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** About −1 to 1: the normalization with which TensorFlow trained EfficientNet-Lite. */
export const efficientNetLiteNormalization: ChannelNormalization = {
  mean: [127 / 255, 127 / 255, 127 / 255],
  std: [128 / 255, 128 / 255, 128 / 255],
};

/** Throws unless the statistics are usable. */
export function checkNormalization(caller: string, { mean, std }: ChannelNormalization): void {
  ensure(mean.length >= 1 && mean.length === std.length, caller, 'one mean and one std a channel', [
    mean.length,
    std.length,
  ]);
  ensure(mean.every(Number.isFinite), caller, 'finite means', mean);
  ensure(
    std.every((value) => value > 0 && Number.isFinite(value)),
    caller,
    'std > 0',
    std,
    'leave constant channels at 1',
  );
}

/** (images − mean) / std. @param images [batch, height, width, channels], 0–1. */
export function normalizeChannels(images: Tensor4D, { mean, std }: ChannelNormalization): Tensor4D {
  return tidy(() => div(sub(images, tensor1d([...mean])), tensor1d([...std])));
}

/** The normalization as text, part of a network's fingerprint. */
export function describeNormalization({ mean, std }: ChannelNormalization): string {
  return `normalize(mean ${mean.join(' ')}, std ${std.join(' ')})`;
}

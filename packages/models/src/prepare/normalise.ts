import { ensure } from '@kd/core';
import { div, sub, type Tensor4D, tensor1d, tidy } from '@tensorflow/tfjs-core';

/** Mean and standard deviation of every channel, of images from 0 to 1. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** Of the 50,000 training pictures of CIFAR-10. */
export const cifar10Statistics: ChannelStatistics = { mean: [0.4914, 0.4822, 0.4465], deviation: [0.247, 0.2435, 0.2616] };

/** Of the 50,000 training pictures of CIFAR-100. */
export const cifar100Statistics: ChannelStatistics = { mean: [0.5071, 0.4867, 0.4408], deviation: [0.2675, 0.2565, 0.2761] };

/** Of ImageNet, as torchvision's pretrained networks want them. */
export const imagenetStatistics: ChannelStatistics = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

/** From about −1 to 1: what TensorFlow trained its networks for phones with. */
export const efficientNetLiteStatistics: ChannelStatistics = {
  mean: [127 / 255, 127 / 255, 127 / 255],
  deviation: [128 / 255, 128 / 255, 128 / 255],
};

/** Throws unless the statistics are usable. */
export function checkStatistics(where: string, { mean, deviation }: ChannelStatistics): void {
  ensure(mean.length >= 1 && mean.length === deviation.length, where, 'one mean and one deviation a channel', [mean.length, deviation.length]);
  ensure(mean.every(Number.isFinite), where, 'finite means', mean);
  ensure(
    deviation.every((value) => value > 0 && Number.isFinite(value)),
    where,
    'deviations > 0',
    deviation,
    'leave constant channels at 1',
  );
}

/** (images − mean) / deviation. @param images [batch, height, width, channels], 0–1. */
export function normaliseChannels(images: Tensor4D, { mean, deviation }: ChannelStatistics): Tensor4D {
  return tidy(() => div(sub(images, tensor1d([...mean])), tensor1d([...deviation])));
}

/** For a recorded teacher's identity. */
export function describeNormalisation({ mean, deviation }: ChannelStatistics): string {
  return `normalise(mean=[${mean.join(',')}],deviation=[${deviation.join(',')}])`;
}

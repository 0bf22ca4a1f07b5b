import { ensure, type Network } from '@kd/core';
import { relu, relu6 } from '../layers/activations.ts';
import { convBnAct, convolution } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import { dropout as dropoutLayer } from '../layers/dropout.ts';
import { globalAveragePool } from '../layers/pooling.ts';
import { createNetwork } from '../network.ts';
import { cifar10Normalization, imagenetNormalization } from '../preprocessing/normalize.ts';
import { mergePreprocessing, type PreprocessingOptions } from '../preprocessing/preprocess.ts';
import {
  type InvertedStage,
  invertedStages,
  repDistillerMobileNet,
  roundToMultiple,
  timmInverted,
  torchvisionMobileNet,
} from './invertedResidual.ts';
import { type ClassifierOptions, checkClasses } from './options.ts';

const table = [
  { expansion: 1, channels: 16, blocks: 1, stride: 1 },
  { expansion: 6, channels: 24, blocks: 2, stride: 2 },
  { expansion: 6, channels: 32, blocks: 3, stride: 2 },
  { expansion: 6, channels: 64, blocks: 4, stride: 2 },
  { expansion: 6, channels: 96, blocks: 3, stride: 1 },
  { expansion: 6, channels: 160, blocks: 3, stride: 2 },
  { expansion: 6, channels: 320, blocks: 1, stride: 1 },
] as const satisfies readonly InvertedStage[];

const blocks = table.map((row) => row.blocks);

/** Differences between the network for ImageNet and the one of distillation papers on CIFAR. */
const stems = {
  imagenet: {
    rows: table,
    style: { activation: relu6() },
    /** All numbers of channels are multiples of this. */
    divisor: 8,
    dropout: 0.2,
    prepare: {
      size: 224,
      interpolation: 'bilinear',
      normalize: imagenetNormalization,
    } satisfies PreprocessingOptions,
    keyMaps: { torchvision: torchvisionMobileNet(blocks), timm: timmInverted },
  },
  cifar: {
    rows: table.map((row, at) => (at === 1 ? { ...row, stride: 1 as const } : row)),
    style: { activation: relu(), expandsAlways: true },
    divisor: 1,
    dropout: 0,
    prepare: { normalize: cifar10Normalization } satisfies PreprocessingOptions,
    keyMaps: { repDistiller: repDistillerMobileNet },
  },
} as const;

/**
 * `imagenet`: as in torchvision. `cifar`, for 32×32: the second stage keeps the size, and details
 * are RepDistiller's (ReLU, the first block has its 1×1).
 */
export type MobileNetV2Stem = keyof typeof stems;

export interface MobileNetV2Options extends ClassifierOptions {
  readonly stem: MobileNetV2Stem;
  /** Multiplies the channels, except the last 1280 if it is below 1; 1. */
  readonly width?: number;
  /**
   * Dropout rate before the last layer, in training; as published, 0.2 with the stem `imagenet`
   * and 0 with `cifar`.
   */
  readonly dropout?: number;
}

/**
 * MobileNetV2. With 1000 classes and the stem `imagenet` it has 3,504,872 parameters;
 * RepDistiller's `mobile_half` is `{ stem: 'cifar', width: 0.5 }` and has 812,836 with 100 classes.
 *
 * Taps, the last stage at each size: `stage2` [24w, stride 4], `stage3` [32w, 8], `stage5` [96w,
 * 16], `stage7` [320w, 32] (strides 2, 4, 8, 16 with the stem `cifar`), none with an activation
 * behind it; `pooled` [1280].
 * Source: Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018,
 * table 2.
 */
export function mobileNetV2({
  stem,
  classes,
  seed,
  width = 1,
  dropout,
  prepare,
}: MobileNetV2Options): Network {
  checkClasses('mobileNetV2', classes);
  ensure(
    Object.hasOwn(stems, stem),
    'mobileNetV2',
    `stem ${Object.keys(stems).join(' or ')}`,
    stem,
  );
  ensure(
    width > 0 && Number.isFinite(width),
    'mobileNetV2',
    'width > 0',
    width,
    '1 is the published width',
  );
  const { rows, style, divisor, dropout: published, prepare: own, keyMaps } = stems[stem];
  const scaled = (count: number) =>
    divisor === 1
      ? Math.max(1, Math.floor(count * width))
      : roundToMultiple(divisor, count * width);
  const stages = rows.map((row) => ({ ...row, channels: scaled(row.channels) }));
  const [first, last, top] = [scaled(32), scaled(320), width > 1 ? scaled(1280) : 1280];
  return createNetwork({
    name: `MobileNetV2${width === 1 ? '' : ` w${width}`} ${stem}`,
    layers: {
      stem: convBnAct(
        convolution({ from: 3, to: first, stride: 2 }),
        { channels: first },
        style.activation,
      ),
      ...invertedStages(stages, first, style),
      top: convBnAct(
        convolution({ from: last, to: top, size: 1 }),
        { channels: top },
        style.activation,
      ),
      pooled: globalAveragePool(),
      dropout: dropoutLayer({ rate: dropout ?? published }),
      fc: dense({ from: top, to: classes }),
    },
    taps: ['stage2', 'stage3', 'stage5', 'stage7', 'pooled'],
    seed,
    prepare: mergePreprocessing(own, prepare),
    keyMaps,
  });
}

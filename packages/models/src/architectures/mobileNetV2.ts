import { ensure, type Network } from '@kd/core';
import { convolution } from '../layers/convolution.ts';
import { dense } from '../layers/dense.ts';
import { dropout as dropoutLayer } from '../layers/dropout.ts';
import { type InvertedStage, invertedStages, roundedTo } from '../layers/invertedResidual.ts';
import { relu, relu6 } from '../layers/pointwise.ts';
import { globalAveragePool } from '../layers/pooling.ts';
import { unit } from '../layers/unit.ts';
import {
  repDistillerMobileNet,
  timmInverted,
  torchvisionMobileNet,
} from '../names/invertedResidualNames.ts';
import { createNetwork } from '../network.ts';
import { type ClassifierOptions, checkClasses } from '../options.ts';
import { cifar10Normalization, imagenetNormalization } from '../prepare/normalize.ts';
import { type PreprocessingOptions, preparedBy } from '../prepare/preparation.ts';

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

/**
 * What differs between the network of ImageNet and the one that papers on distillation train on
 * CIFAR.
 */
const stems = {
  imagenet: {
    rows: table,
    style: { activation: relu6() },
    /** Channels are multiples of it. */
    divisor: 8,
    dropout: 0.2,
    prepare: {
      size: 224,
      interpolation: 'bilinear',
      normalize: imagenetNormalization,
    } satisfies PreprocessingOptions,
    names: { torchvision: torchvisionMobileNet(blocks), timm: timmInverted },
  },
  cifar: {
    rows: table.map((row, at) => (at === 1 ? { ...row, stride: 1 as const } : row)),
    style: { activation: relu(), expandsAlways: true },
    divisor: 1,
    dropout: 0,
    prepare: { normalize: cifar10Normalization } satisfies PreprocessingOptions,
    names: { repDistiller: repDistillerMobileNet },
  },
} as const;

/**
 * `imagenet`: as torchvision has it. `cifar`, for 32×32: the second stage keeps the size, and
 * details are RepDistiller's (ReLU, the first block has its 1×1).
 */
export type MobileNetV2Stem = keyof typeof stems;

export interface MobileNetV2Options extends ClassifierOptions {
  readonly stem: MobileNetV2Stem;
  /** Multiplies the channels, but the last 1280 only where it is above 1; 1. */
  readonly width?: number;
  /**
   * Rate before the last layer, in training; as published, 0.2 with the stem `imagenet` and none
   * with `cifar`.
   */
  readonly dropout?: number;
}

/**
 * MobileNetV2. With 1000 classes and the stem `imagenet` it has 3,504,872 parameters;
 * RepDistiller's `mobile_half` is
 * `{ stem: 'cifar', width: 0.5 }` and has 812,836 with 100 classes.
 *
 * Taps, the last stage at each size: `stage2` [24w, stride 4], `stage3` [32w, 8], `stage5` [96w,
 * 16], `stage7` [320w, 32] (strides 2, 4, 8, 16 with the stem
 * `cifar`), none of them with an activation behind it; `pooled` [1280].
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
  const { rows, style, divisor, dropout: published, prepare: own, names } = stems[stem];
  const widened = (count: number) =>
    divisor === 1 ? Math.max(1, Math.floor(count * width)) : roundedTo(divisor, count * width);
  const stages = rows.map((row) => ({ ...row, channels: widened(row.channels) }));
  const [first, last, top] = [widened(32), widened(320), width > 1 ? widened(1280) : 1280];
  return createNetwork({
    name: `MobileNetV2${width === 1 ? '' : ` w${width}`} ${stem}`,
    layers: {
      stem: unit(
        convolution({ from: 3, to: first, stride: 2 }),
        { channels: first },
        style.activation,
      ),
      ...invertedStages(stages, first, style),
      top: unit(convolution({ from: last, to: top, size: 1 }), { channels: top }, style.activation),
      pooled: globalAveragePool(),
      dropout: dropoutLayer({ rate: dropout ?? published }),
      fc: dense({ from: top, to: classes }),
    },
    taps: ['stage2', 'stage3', 'stage5', 'stage7', 'pooled'],
    seed,
    prepare: preparedBy(own, prepare),
    names,
  });
}

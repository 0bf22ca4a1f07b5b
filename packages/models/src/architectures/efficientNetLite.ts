import { ensure, type Network } from '@kd/core';
import { relu6 } from '../layers/activations.ts';
import { convBnAct, convolution } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import { dropout as dropoutLayer } from '../layers/dropout.ts';
import { globalAveragePool } from '../layers/pooling.ts';
import { createNetwork } from '../network.ts';
import { efficientNetLiteNormalization } from '../preprocessing/normalize.ts';
import { mergePreprocessing } from '../preprocessing/preprocess.ts';
import {
  type InvertedStage,
  invertedStages,
  lukemelasEfficientNet,
  roundToMultiple,
  timmInverted,
} from './invertedResidual.ts';
import { type ClassifierOptions, checkClasses } from './options.ts';

/** Factors by which versions scale the table below, and the image size of their training. */
const versions = {
  0: { width: 1, depth: 1, size: 224, dropout: 0.2 },
  1: { width: 1, depth: 1.1, size: 240, dropout: 0.2 },
  2: { width: 1.1, depth: 1.2, size: 260, dropout: 0.3 },
} as const;

export type EfficientNetLiteVersion = keyof typeof versions;

export interface EfficientNetLiteOptions extends ClassifierOptions {
  readonly version: EfficientNetLiteVersion;
  /** Dropout rate before the last layer, in training; 0.2 or 0.3, as published. */
  readonly dropout?: number;
}

const table = [
  { expansion: 1, channels: 16, blocks: 1, stride: 1, size: 3 },
  { expansion: 6, channels: 24, blocks: 2, stride: 2, size: 3 },
  { expansion: 6, channels: 40, blocks: 2, stride: 2, size: 5 },
  { expansion: 6, channels: 80, blocks: 3, stride: 2, size: 3 },
  { expansion: 6, channels: 112, blocks: 3, stride: 1, size: 5 },
  { expansion: 6, channels: 192, blocks: 4, stride: 2, size: 5 },
  { expansion: 6, channels: 320, blocks: 1, stride: 1, size: 3 },
] as const satisfies readonly InvertedStage[];

/** Batch norm as in TensorFlow, where the weights were trained. */
const norm = { epsilon: 1e-3, momentum: 0.99 } as const;

/**
 * EfficientNet-Lite: EfficientNet for phones, without squeeze and excitation and with ReLU6 instead
 * of swish. With 1000 classes versions 0, 1 and 2 have 4,652,008, 5,416,680 and 6,092,072
 * parameters. Every version has a stem of 32 and a last convolution of 1280 channels, and as many
 * blocks in the first and the last stage. Convolutions pad as in TensorFlow. Images are resized
 * (bicubic) to 224, 240 or 260 pixels and normalized by 127/255 and 128/255 unless `prepare`
 * changes it; the published ImageNet accuracy was measured at `crop: 0.875`. It has dropout, so a
 * forward pass in training needs `mode.seed`; stochastic depth is left out.
 *
 * It loads weights of the Python package `efficientnet_lite_pytorch` and of timm's
 * `tf_efficientnet_lite0` to `2`; timm's own training, `efficientnet_lite0`, is another network
 * (PyTorch's padding, ε 1e-5), though with equal names and shapes.
 *
 * Taps, the last stage at each size: `stage2` [24, stride 4], `stage3` [40, 8], `stage5` [112, 16],
 * `stage7` [320, 32] (24, 48, 120, 352 in version 2), none with an activation behind it; `pooled`
 * [1280].
 * Source: Tan and Le, "EfficientNet", ICML 2019, table 1; Liu et al., "Higher accuracy on vision
 * models with EfficientNet-Lite", TensorFlow blog, 2020.
 */
export function efficientNetLite({
  version,
  classes,
  seed,
  dropout,
  prepare,
}: EfficientNetLiteOptions): Network {
  checkClasses('efficientNetLite', classes);
  ensure(
    Object.hasOwn(versions, version),
    'efficientNetLite',
    `version among ${Object.keys(versions).join(', ')}`,
    version,
  );
  const { width, depth, size, dropout: published } = versions[version];
  const rows = table.map((row, at) => {
    const isOuter = at === 0 || at === table.length - 1;
    return {
      ...row,
      channels: roundToMultiple(8, width * row.channels),
      blocks: isOuter ? row.blocks : Math.ceil(depth * row.blocks),
    };
  });
  const last = rows[rows.length - 1] as InvertedStage;
  const blocks = rows.map((row) => row.blocks);
  return createNetwork({
    name: `EfficientNet-Lite${version}`,
    layers: {
      stem: convBnAct(
        convolution({ from: 3, to: 32, stride: 2, padding: 'same' }),
        { channels: 32, ...norm },
        relu6(),
      ),
      ...invertedStages(rows, 32, { activation: relu6(), norm, padding: 'same' }),
      top: convBnAct(
        convolution({ from: last.channels, to: 1280, size: 1 }),
        { channels: 1280, ...norm },
        relu6(),
      ),
      pooled: globalAveragePool(),
      dropout: dropoutLayer({ rate: dropout ?? published }),
      fc: dense({ from: 1280, to: classes }),
    },
    taps: ['stage2', 'stage3', 'stage5', 'stage7', 'pooled'],
    seed,
    prepare: mergePreprocessing(
      { size, interpolation: 'bicubic', normalize: efficientNetLiteNormalization },
      prepare,
    ),
    keyMaps: { lukemelas: lukemelasEfficientNet(blocks), timm: timmInverted },
  });
}

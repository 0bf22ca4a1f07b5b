import { ensure, type Network } from '@kd/core';
import { convolution } from '../layers/convolution.ts';
import { dense } from '../layers/dense.ts';
import { dropout as dropoutLayer } from '../layers/dropout.ts';
import { type InvertedStage, invertedStages, roundedTo } from '../layers/invertedResidual.ts';
import { relu6 } from '../layers/pointwise.ts';
import { globalAveragePool } from '../layers/pooling.ts';
import { unit } from '../layers/unit.ts';
import { lukemelasEfficientNet, timmInverted } from '../names/invertedResidualNames.ts';
import { createNetwork } from '../network.ts';
import { type ClassifierOptions, checkClasses } from '../options.ts';
import { efficientNetLiteNormalization } from '../prepare/normalize.ts';
import { preparedBy } from '../prepare/preparation.ts';

/** How versions scale the table below, and the side of the images that each was trained on. */
const versions = {
  0: { width: 1, depth: 1, size: 224, dropout: 0.2 },
  1: { width: 1, depth: 1.1, size: 240, dropout: 0.2 },
  2: { width: 1.1, depth: 1.2, size: 260, dropout: 0.3 },
} as const;

export type EfficientNetLiteVersion = keyof typeof versions;

export interface EfficientNetLiteOptions extends ClassifierOptions {
  readonly version: EfficientNetLiteVersion;
  /** Rate before the last layer, in training; as published, 0.2 or 0.3. */
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

/** As TensorFlow trained them. */
const norm = { epsilon: 1e-3, momentum: 0.99 } as const;

/**
 * EfficientNet-Lite: EfficientNet without squeeze and excitation, with ReLU6 for swish, made for
 * phones. With 1000 classes versions 0, 1 and 2 have
 * 4,652,008, 5,416,680 and 6,092,072 parameters. Stem and last convolution, 32 and 1280 wide, and
 * the number of blocks in the first and the last stage stay
 * at every version. Zeros around the maps lie as in TensorFlow. Images are resized (bicubic) to
 * 224, 240 or 260 pixels and normalized by 127/255 and 128/255
 * unless `prepare` says otherwise; its ImageNet accuracy was measured at `crop: 0.875`. In training
 * there is dropout, hence `mode.seed` is needed; stochastic
 * depth is left out.
 *
 * It takes weights of the Python package `efficientnet_lite_pytorch` and of timm's
 * `tf_efficientnet_lite0` to `2`; timm's own training, `efficientnet_lite0`,
 * is another network (zeros as in PyTorch, ε 1e-5), though of equal names and shapes.
 *
 * Taps, the last stage at each size: `stage2` [24, stride 4], `stage3` [40, 8], `stage5` [112, 16],
 * `stage7` [320, 32] (24, 48, 120, 352 in version 2), none of
 * them with an activation behind it; `pooled` [1280].
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
      channels: roundedTo(8, width * row.channels),
      blocks: isOuter ? row.blocks : Math.ceil(depth * row.blocks),
    };
  });
  const last = rows[rows.length - 1] as InvertedStage;
  const blocks = rows.map((row) => row.blocks);
  return createNetwork({
    name: `EfficientNet-Lite${version}`,
    layers: {
      stem: unit(
        convolution({ from: 3, to: 32, stride: 2, padding: 'same' }),
        { channels: 32, ...norm },
        relu6(),
      ),
      ...invertedStages(rows, 32, { activation: relu6(), norm, padding: 'same' }),
      top: unit(
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
    prepare: preparedBy(
      { size, interpolation: 'bicubic', normalize: efficientNetLiteNormalization },
      prepare,
    ),
    names: { lukemelas: lukemelasEfficientNet(blocks), timm: timmInverted },
  });
}

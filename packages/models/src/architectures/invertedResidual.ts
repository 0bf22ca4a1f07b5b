import type { StateDictKeyMap } from '@kd/core';
import type { BatchNormOptions } from '../layers/batchNorm.ts';
import { convBnAct, convolution, depthwiseConvolution } from '../layers/conv.ts';
import type { LayerFactory } from '../layers/layer.ts';
import { residual, sequential } from '../layers/sequential.ts';
import { keyMapFromRules } from './keyMap.ts';

/** A row of the paper's table: blocks of one width, the first of which has the stride. */
export interface InvertedStage {
  /** Channels inside a block divided by its input channels. */
  readonly expansion: number;
  /** Output channels. */
  readonly channels: number;
  readonly blocks: number;
  readonly stride: 1 | 2;
  /** Side of the depthwise kernel; 3. */
  readonly size?: number;
}

/** Options that all blocks of a network share. */
export interface InvertedStyle {
  readonly activation: LayerFactory;
  readonly norm?: Omit<BatchNormOptions, 'channels'>;
  /** TensorFlow's padding at stride 2; PyTorch's if absent. */
  readonly padding?: 'same';
  /** Whether a block with expansion 1 has its first 1×1 convolution all the same; false. */
  readonly expandsAlways?: boolean;
}

/**
 * The stages of a table, as `stage1`, `stage2`, … of `block0`, `block1`, ….
 * @param from Input channels.
 */
export function invertedStages(
  rows: readonly InvertedStage[],
  from: number,
  style: InvertedStyle,
): Record<string, LayerFactory> {
  const stages: Record<string, LayerFactory> = {};
  rows.forEach((row, stage) => {
    const entry = stage === 0 ? from : (rows[stage - 1] as InvertedStage).channels;
    const blocks = Array.from({ length: row.blocks }, (_, at) => {
      const block =
        at === 0
          ? invertedResidual(entry, row, style)
          : invertedResidual(row.channels, { ...row, stride: 1 }, style);
      return [`block${at}`, block] as const;
    });
    stages[`stage${stage + 1}`] = sequential(Object.fromEntries(blocks));
  });
  return stages;
}

/**
 * The inverted residual block: a 1×1 convolution that widens (`expand`), a depthwise one
 * (`depthwise`) and a 1×1 that narrows and has no activation (`project`). x is added if the block
 * keeps its shape.
 *
 * Source: Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018,
 * section 3.
 */
function invertedResidual(
  from: number,
  { expansion, channels, stride, size = 3 }: InvertedStage,
  style: InvertedStyle,
): LayerFactory {
  const { activation, norm, padding, expandsAlways = false } = style;
  const wide = expansion * from;
  const wideConv = (conv: LayerFactory) => convBnAct(conv, { channels: wide, ...norm }, activation);
  const body = {
    ...((wide !== from || expandsAlways) && {
      expand: wideConv(convolution({ from, to: wide, size: 1 })),
    }),
    depthwise: wideConv(
      depthwiseConvolution({ channels: wide, size, stride, ...(padding && { padding }) }),
    ),
    project: convBnAct(convolution({ from: wide, to: channels, size: 1 }), { channels, ...norm }),
  };
  return stride === 1 && from === channels ? residual({ body }) : sequential(body);
}

/** The multiple of the divisor nearest to a count, but not below nine tenths of the count. */
export function roundToMultiple(divisor: number, count: number): number {
  const rounded = Math.max(divisor, Math.floor((count + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * count ? rounded + divisor : rounded;
}

// Key maps of the networks made of these blocks.

/** A layer inside a block, `stage2.block0.expand.conv`, taken apart. */
interface BlockLayer {
  /** From 0. */
  readonly stage: number;
  readonly block: number;
  readonly unit: 'expand' | 'depthwise' | 'project';
  readonly kind: 'conv' | 'bn';
}

/**
 * A key map by the names of the layers inside blocks, and those of stem, last convolution (`top`)
 * and classifier.
 */
function invertedKeyMap(
  blockKey: (layer: BlockLayer) => string,
  others: Readonly<Record<'stem.conv' | 'stem.bn' | 'top.conv' | 'top.bn' | 'fc', string>>,
): StateDictKeyMap {
  return keyMapFromRules([
    [
      /^stage(\d+)\.block(\d+)\.(expand|depthwise|project)\.(conv|bn)$/,
      (_, stage, block, unit, kind) =>
        blockKey({ stage: Number(stage) - 1, block: Number(block), unit, kind } as BlockLayer),
    ],
    [
      /^(stem\.conv|stem\.bn|top\.conv|top\.bn|fc)$/,
      (layer) => others[layer as keyof typeof others],
    ],
  ]);
}

/** Positions in a block with three convolutions; blocks of the first stage have no `expand`. */
const positions = { expand: 0, depthwise: 1, project: 2 } as const;

/**
 * torchvision's `mobilenet_v2`: `features.2.conv.1.0`, `features.2.conv.2`, `classifier.1`.
 * @param blocks Blocks in each stage.
 */
export function torchvisionMobileNet(blocks: readonly number[]): StateDictKeyMap {
  const last = 1 + countBefore(blocks, blocks.length);
  return invertedKeyMap(
    ({ stage, block, unit, kind }) => {
      const position = positions[unit] - (stage === 0 ? 1 : 0);
      const isBatchNorm = kind === 'bn' ? 1 : 0;
      return `features.${1 + countBefore(blocks, stage) + block}.conv.${unit === 'project' ? position + isBatchNorm : `${position}.${isBatchNorm}`}`;
    },
    {
      'stem.conv': 'features.0.0',
      'stem.bn': 'features.0.1',
      'top.conv': `features.${last}.0`,
      'top.bn': `features.${last}.1`,
      fc: 'classifier.1',
    },
  );
}

/**
 * timm's `mobilenetv2_100` and `tf_efficientnet_lite0`: `blocks.1.0.conv_dw`, `blocks.1.0.bn2`,
 * `classifier`.
 */
export const timmInverted: StateDictKeyMap = invertedKeyMap(
  ({ stage, block, unit, kind }) => {
    const convolutions =
      stage === 0
        ? { expand: '', depthwise: 'conv_dw', project: 'conv_pw' }
        : { expand: 'conv_pw', depthwise: 'conv_dw', project: 'conv_pwl' };
    return `blocks.${stage}.${block}.${kind === 'conv' ? convolutions[unit] : `bn${positions[unit] + (stage === 0 ? 0 : 1)}`}`;
  },
  {
    'stem.conv': 'conv_stem',
    'stem.bn': 'bn1',
    'top.conv': 'conv_head',
    'top.bn': 'bn2',
    fc: 'classifier',
  },
);

/** RepDistiller's `mobilenetv2`: `blocks.1.0.conv.3`, `classifier.0`. */
export const repDistillerMobileNet: StateDictKeyMap = invertedKeyMap(
  ({ stage, block, unit, kind }) =>
    `blocks.${stage}.${block}.conv.${3 * positions[unit] + (kind === 'bn' ? 1 : 0)}`,
  {
    'stem.conv': 'conv1.0',
    'stem.bn': 'conv1.1',
    'top.conv': 'conv2.0',
    'top.bn': 'conv2.1',
    fc: 'classifier.0',
  },
);

/**
 * The Python packages `efficientnet_lite_pytorch` and `efficientnet_pytorch` (lukemelas):
 * `_blocks.3._depthwise_conv`, `_fc`.
 * @param blocks Blocks in each stage.
 */
export function lukemelasEfficientNet(blocks: readonly number[]): StateDictKeyMap {
  return invertedKeyMap(
    ({ stage, block, unit, kind }) =>
      `_blocks.${countBefore(blocks, stage) + block}.${kind === 'conv' ? `_${unit}_conv` : `_bn${positions[unit]}`}`,
    {
      'stem.conv': '_conv_stem',
      'stem.bn': '_bn0',
      'top.conv': '_conv_head',
      'top.bn': '_bn1',
      fc: '_fc',
    },
  );
}

/** The number of blocks in the stages before this one. */
function countBefore(blocks: readonly number[], stage: number): number {
  return blocks.slice(0, stage).reduce((sum, count) => sum + count, 0);
}

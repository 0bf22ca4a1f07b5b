import type { StateDictKeyMap } from '@kd/core';
import { renamed } from './renamed.ts';

/** A unit of a block, `stage2.block0.expand.conv`, in pieces. */
interface Unit {
  /** From 0. */
  readonly stage: number;
  readonly block: number;
  readonly unit: 'expand' | 'depthwise' | 'project';
  readonly kind: 'conv' | 'bn';
}

/**
 * A scheme by what the units of blocks are called, and by what stem, last convolution (`top`) and
 * classifier are called.
 */
function schemeOf(
  nameOf: (unit: Unit) => string,
  outside: Readonly<Record<'stem.conv' | 'stem.bn' | 'top.conv' | 'top.bn' | 'fc', string>>,
): StateDictKeyMap {
  return renamed([
    [
      /^stage(\d+)\.block(\d+)\.(expand|depthwise|project)\.(conv|bn)$/,
      (_, stage, block, unit, kind) =>
        nameOf({ stage: Number(stage) - 1, block: Number(block), unit, kind } as Unit),
    ],
    [
      /^(stem\.conv|stem\.bn|top\.conv|top\.bn|fc)$/,
      (layer) => outside[layer as keyof typeof outside],
    ],
  ]);
}

/** Of a block that widens; the first stage's does not, and its units are one fewer. */
const places = { expand: 0, depthwise: 1, project: 2 } as const;

/**
 * torchvision's `mobilenet_v2`: `features.2.conv.1.0`, `features.2.conv.2`, `classifier.1`. @param
 * blocks In each stage.
 */
export function torchvisionMobileNet(blocks: readonly number[]): StateDictKeyMap {
  const last = 1 + before(blocks, blocks.length);
  return schemeOf(
    ({ stage, block, unit, kind }) => {
      const place = places[unit] - (stage === 0 ? 1 : 0);
      const isBatchNorm = kind === 'bn' ? 1 : 0;
      return `features.${1 + before(blocks, stage) + block}.conv.${unit === 'project' ? place + isBatchNorm : `${place}.${isBatchNorm}`}`;
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
export const timmInverted: StateDictKeyMap = schemeOf(
  ({ stage, block, unit, kind }) => {
    const convolutions =
      stage === 0
        ? { expand: '', depthwise: 'conv_dw', project: 'conv_pw' }
        : { expand: 'conv_pw', depthwise: 'conv_dw', project: 'conv_pwl' };
    return `blocks.${stage}.${block}.${kind === 'conv' ? convolutions[unit] : `bn${places[unit] + (stage === 0 ? 0 : 1)}`}`;
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
export const repDistillerMobileNet: StateDictKeyMap = schemeOf(
  ({ stage, block, unit, kind }) =>
    `blocks.${stage}.${block}.conv.${3 * places[unit] + (kind === 'bn' ? 1 : 0)}`,
  {
    'stem.conv': 'conv1.0',
    'stem.bn': 'conv1.1',
    'top.conv': 'conv2.0',
    'top.bn': 'conv2.1',
    fc: 'classifier.0',
  },
);

/**
 * Those of the Python packages `efficientnet_lite_pytorch` and `efficientnet_pytorch`:
 * `_blocks.3._depthwise_conv`, `_fc`. @param blocks In each stage.
 */
export function lukemelasEfficientNet(blocks: readonly number[]): StateDictKeyMap {
  return schemeOf(
    ({ stage, block, unit, kind }) =>
      `_blocks.${before(blocks, stage) + block}.${kind === 'conv' ? `_${unit}_conv` : `_bn${places[unit]}`}`,
    {
      'stem.conv': '_conv_stem',
      'stem.bn': '_bn0',
      'top.conv': '_conv_head',
      'top.bn': '_bn1',
      fc: '_fc',
    },
  );
}

function before(blocks: readonly number[], stage: number): number {
  return blocks.slice(0, stage).reduce((sum, count) => sum + count, 0);
}

import { ensure, type Network } from '@kd/core';
import { relu } from '../layers/activations.ts';
import { batchNorm } from '../layers/batchNorm.ts';
import { zeroPadShortcut } from '../layers/channels.ts';
import { convBnRelu, convolution } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import type { LayerFactory } from '../layers/layer.ts';
import { globalAveragePool } from '../layers/pooling.ts';
import { residual, sequential } from '../layers/sequential.ts';
import { createNetwork } from '../network.ts';
import { type ClassifierOptions, checkClasses, scaleChannels } from './options.ts';
import { akamasterResnet, torchvisionResnet } from './resnet.ts';

/** depth = 6 · blocks per stage + 2. Channels of the stem and of the three stages. */
const architectures = {
  8: { blocks: 1, channels: [16, 16, 32, 64], shortcut: 'identity' },
  14: { blocks: 2, channels: [16, 16, 32, 64], shortcut: 'identity' },
  20: { blocks: 3, channels: [16, 16, 32, 64], shortcut: 'identity' },
  32: { blocks: 5, channels: [16, 16, 32, 64], shortcut: 'identity' },
  44: { blocks: 7, channels: [16, 16, 32, 64], shortcut: 'identity' },
  56: { blocks: 9, channels: [16, 16, 32, 64], shortcut: 'identity' },
  110: { blocks: 18, channels: [16, 16, 32, 64], shortcut: 'identity' },
  '8x4': { blocks: 1, channels: [32, 64, 128, 256], shortcut: 'projection' },
  '32x4': { blocks: 5, channels: [32, 64, 128, 256], shortcut: 'projection' },
} as const;

export type CifarResnetDepth = keyof typeof architectures;

/**
 * The shortcut of a block that halves the map: without parameters (option A of the paper) or a 1×1
 * convolution with batch norm (option B).
 */
export type Shortcut = 'identity' | 'projection';

export interface CifarResnetOptions extends ClassifierOptions {
  /**
   * A published depth. `8x4` and `32x4` are those of the distillation papers: stages four times as
   * wide behind a stem twice as wide.
   */
  readonly depth: CifarResnetDepth;
  /** Multiplies the channels; 1. */
  readonly width?: number;
  /**
   * `identity`, as published: ResNet-20 then has 269,722 parameters. Distillation papers measure
   * with `projection`, the default of `8x4` and `32x4`.
   */
  readonly shortcut?: Shortcut;
}

/**
 * The ResNet for CIFAR: a 3×3 stem, three stages of basic blocks with 16, 32 and 64 channels, a
 * global average pool, one dense layer. With 100 classes and projections ResNet-56 has 861,620
 * parameters, ResNet-32x4 7,433,860, as in RepDistiller.
 *
 * Taps, each after the last ReLU of its stage: `stage1` [16w, stride 1], `stage2` [32w, 2],
 * `stage3` [64w, 4], `pooled` [64w].
 * Source: He et al., "Deep residual learning for image recognition", CVPR 2016, section 4.2; `8x4`
 * and `32x4`: Tian et al., "Contrastive representation distillation", ICLR 2020, appendix.
 */
export function cifarResnet({
  depth,
  classes,
  seed,
  width = 1,
  shortcut,
  prepare,
}: CifarResnetOptions): Network {
  checkClasses('cifarResnet', classes);
  ensure(
    Object.hasOwn(architectures, depth),
    'cifarResnet',
    `depth among ${Object.keys(architectures).join(', ')}`,
    depth,
  );
  const { blocks, channels, shortcut: published } = architectures[depth];
  const [w0, w1, w2, w3] = scaleChannels('cifarResnet', channels, width) as [
    number,
    number,
    number,
    number,
  ];
  const kind = shortcut ?? published;
  return createNetwork({
    name: `ResNet-${depth}${width === 1 ? '' : ` w${width}`}${kind === published ? '' : ` ${kind}`}`,
    layers: {
      stem: convBnRelu(3, w0),
      stage1: stage(blocks, w0, w1, 1, kind),
      stage2: stage(blocks, w1, w2, 2, kind),
      stage3: stage(blocks, w2, w3, 2, kind),
      pooled: globalAveragePool(),
      fc: dense({ from: w3, to: classes }),
    },
    taps: ['stage1', 'stage2', 'stage3', 'pooled'],
    seed,
    ...(prepare && { prepare }),
    keyMaps: { repDistiller: torchvisionResnet, akamaster: akamasterResnet },
  });
}

function stage(
  blocks: number,
  from: number,
  to: number,
  stride: 1 | 2,
  shortcut: Shortcut,
): LayerFactory {
  const names = Array.from({ length: blocks }, (_, at) => `block${at}`);
  return sequential(
    Object.fromEntries(
      names.map((name, at) => [
        name,
        at === 0 ? basicBlock(from, to, stride, shortcut) : basicBlock(to, to, 1, shortcut),
      ]),
    ),
  );
}

function basicBlock(from: number, to: number, stride: 1 | 2, shortcut: Shortcut): LayerFactory {
  return residual({
    body: {
      conv1: convolution({ from, to, stride }),
      bn1: batchNorm({ channels: to }),
      relu1: relu(),
      conv2: convolution({ from: to, to }),
      bn2: batchNorm({ channels: to }),
    },
    ...((stride > 1 || from !== to) && { shortcut: shortcutBetween(from, to, stride, shortcut) }),
    after: relu(),
  });
}

function shortcutBetween(
  from: number,
  to: number,
  stride: 1 | 2,
  shortcut: Shortcut,
): LayerFactory {
  switch (shortcut) {
    case 'identity':
      return zeroPadShortcut({ from, to, stride });
    case 'projection':
      return sequential({
        conv: convolution({ from, to, size: 1, stride }),
        bn: batchNorm({ channels: to }),
      });
    default:
      shortcut satisfies never;
      ensure(false, 'cifarResnet', 'shortcut identity or projection', shortcut);
  }
}

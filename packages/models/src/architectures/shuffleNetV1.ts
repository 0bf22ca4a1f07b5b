import { ensure, type Network, type StateDictKeyMap } from '@kd/core';
import { relu } from '../layers/activations.ts';
import { channelShuffle } from '../layers/channels.ts';
import { convBnAct, convolution, depthwiseConvolution } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import type { LayerFactory } from '../layers/layer.ts';
import { averagePool, globalAveragePool } from '../layers/pooling.ts';
import { concat, residual, sequential } from '../layers/sequential.ts';
import { createNetwork } from '../network.ts';
import { type KeyRule, keyMapFromRules } from './keyMap.ts';
import { type ClassifierOptions, checkClasses } from './options.ts';

/** Channels of the three stages, by the number of groups. */
const stageChannels = { 2: [200, 400, 800], 3: [240, 480, 960] } as const;

export type ShuffleNetV1Groups = keyof typeof stageChannels;

export interface ShuffleNetV1Options extends ClassifierOptions {
  /** Groups of the 1×1 convolutions; 3. */
  readonly groups?: ShuffleNetV1Groups;
}

/**
 * ShuffleNet for 32×32, as in distillation papers on CIFAR: RepDistiller's `ShuffleV1` has 3 groups
 * and, with 100 classes, 949,258 parameters.
 *
 * Taps, each after the last ReLU of its stage: `stage1` [240, stride 2], `stage2` [480, 4],
 * `stage3` [960, 8] (200, 400, 800 with 2 groups), `pooled` [960].
 * Source: Zhang et al., "ShuffleNet: an extremely efficient convolutional neural network for mobile
 * devices", CVPR 2018, table 1; the 1×1 stem and the inner width, a quarter of the channels that a
 * block adds, as in RepDistiller and kuangliu/pytorch-cifar.
 */
export function shuffleNetV1({ groups = 3, classes, seed, prepare }: ShuffleNetV1Options): Network {
  checkClasses('shuffleNetV1', classes);
  ensure(
    Object.hasOwn(stageChannels, groups),
    'shuffleNetV1',
    `groups among ${Object.keys(stageChannels).join(', ')}`,
    groups,
  );
  const [c1, c2, c3] = stageChannels[groups];
  return createNetwork({
    name: `ShuffleNetV1 g${groups}`,
    layers: {
      stem: convBnAct(convolution({ from: 3, to: 24, size: 1 }), { channels: 24 }, relu()),
      stage1: stage(4, 24, c1, groups, 1),
      stage2: stage(8, c1, c2, groups, groups),
      stage3: stage(4, c2, c3, groups, groups),
      pooled: globalAveragePool(),
      fc: dense({ from: c3, to: classes }),
    },
    taps: ['stage1', 'stage2', 'stage3', 'pooled'],
    seed,
    ...(prepare && { prepare }),
    keyMaps: { repDistiller: repDistillerKeys },
  });
}

/** @param entryGroups Groups of the first 1×1: the stem's 24 channels are too few for groups. */
function stage(
  count: number,
  from: number,
  to: number,
  groups: number,
  entryGroups: number,
): LayerFactory {
  const blocks = Array.from({ length: count }, (_, at) => {
    const block =
      at === 0
        ? halvingBlock(from, to, groups, entryGroups)
        : residual({ body: body(to, to, 1, groups, groups), after: relu() });
    return [`block${at}`, block] as const;
  });
  return sequential(Object.fromEntries(blocks));
}

/** New channels concatenated with the old ones, at half the size. Figure 2 (c). */
function halvingBlock(from: number, to: number, groups: number, entryGroups: number): LayerFactory {
  const branches = {
    body: sequential(body(from, to - from, 2, groups, entryGroups)),
    shortcut: averagePool({ size: 3, stride: 2, padding: 1 }),
  };
  return sequential({ branches: concat({ from, branches }), act: relu() });
}

function body(
  from: number,
  to: number,
  stride: 1 | 2,
  groups: number,
  entryGroups: number,
): Record<string, LayerFactory> {
  const inner = Math.floor(to / 4);
  return {
    reduce: convBnAct(
      convolution({ from, to: inner, size: 1, groups: entryGroups }),
      { channels: inner },
      relu(),
    ),
    shuffle: channelShuffle({ groups: entryGroups }),
    depthwise: convBnAct(
      depthwiseConvolution({ channels: inner, stride }),
      { channels: inner },
      relu(),
    ),
    expand: convBnAct(convolution({ from: inner, to, size: 1, groups }), { channels: to }),
  };
}

/** Rules for stem, stages and head that both versions share, in RepDistiller and kuangliu's. */
export const kuangliuShuffleNet: readonly KeyRule[] = [
  [/^stem\.(unit\.)?(conv|bn)$/, '$21'],
  [/^top\.(conv|bn)$/, '$12'],
  [/^stage(\d)\.block(\d)\.(branches\.)?/, (_, stage, block) => `layer${stage}.${block}.`],
  [/^fc$/, 'linear'],
];

/** RepDistiller's `ShuffleV1` and kuangliu's: `layer1.0.conv2`, `linear`. */
const repDistillerKeys: StateDictKeyMap = keyMapFromRules([
  ...kuangliuShuffleNet,
  [
    /\.(body\.)?(reduce|depthwise|expand)\.(conv|bn)$/,
    (_, __, unit, kind) => `.${kind}${positions[unit]}`,
  ],
]);

const positions: Readonly<Record<string, number>> = { reduce: 1, depthwise: 2, expand: 3 };

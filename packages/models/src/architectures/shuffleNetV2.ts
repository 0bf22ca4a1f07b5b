import { ensure, type Network, type StateDictKeyMap } from '@kd/core';
import { relu } from '../layers/activations.ts';
import { channelShuffle, sliceChannels } from '../layers/channels.ts';
import { convBnAct, convolution, depthwiseConvolution } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import type { LayerFactory } from '../layers/layer.ts';
import { globalAveragePool, maxPool } from '../layers/pooling.ts';
import { concat, sequential } from '../layers/sequential.ts';
import { createNetwork } from '../network.ts';
import { cifar10Normalization, imagenetNormalization } from '../preprocessing/normalize.ts';
import { mergePreprocessing } from '../preprocessing/preprocess.ts';
import { keyMapFromRules } from './keyMap.ts';
import { type ClassifierOptions, checkClasses } from './options.ts';
import { kuangliuShuffleNet } from './shuffleNetV1.ts';

/** Channels of the three stages and of the last convolution, and blocks of each stage. */
const widths = {
  0.5: { channels: [48, 96, 192], top: 1024 },
  1: { channels: [116, 232, 464], top: 1024 },
  1.5: { channels: [176, 352, 704], top: 1024 },
  2: { channels: [244, 488, 976], top: 2048 },
} as const;

export type ShuffleNetV2Width = keyof typeof widths;

const blocks = [4, 8, 4] as const;

/** Differences between the network for ImageNet and the one of distillation papers on CIFAR. */
const stems = {
  imagenet: {
    stem: () =>
      sequential({
        unit: convBnAct(convolution({ from: 3, to: 24, stride: 2 }), { channels: 24 }, relu()),
        pool: maxPool({ size: 3, stride: 2, padding: 1 }),
      }),
    prepare: { size: 224, interpolation: 'bilinear', normalize: imagenetNormalization },
  },
  cifar: {
    stem: () =>
      sequential({
        unit: convBnAct(convolution({ from: 3, to: 24, size: 1 }), { channels: 24 }, relu()),
      }),
    prepare: { normalize: cifar10Normalization },
  },
} as const;

/**
 * `imagenet`: 3×3 at stride 2, then a 3×3 max pool at stride 2, as in torchvision. `cifar`: 1×1 at
 * stride 1, as in RepDistiller, for 32×32.
 */
export type ShuffleNetV2Stem = keyof typeof stems;

export interface ShuffleNetV2Options extends ClassifierOptions {
  readonly stem: ShuffleNetV2Stem;
  /** A published width; 1. */
  readonly width?: ShuffleNetV2Width;
}

/**
 * ShuffleNetV2. With 1000 classes and the stem `imagenet` the widths 0.5, 1, 1.5 and 2 have
 * 1,366,792, 2,278,604, 3,503,624 and 7,393,996 parameters; RepDistiller's `ShuffleV2` is the stem
 * `cifar` at width 1 and has 1,355,528 with 100 classes.
 *
 * Taps, each after the last block of its stage: `stage1` [116, stride 8], `stage2` [232, 16],
 * `stage3` [464, 32] (strides 2, 4, 8 with the stem `cifar`), `pooled` [1024].
 * Source: Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design",
 * ECCV 2018, table 5.
 */
export function shuffleNetV2({
  stem,
  width = 1,
  classes,
  seed,
  prepare,
}: ShuffleNetV2Options): Network {
  checkClasses('shuffleNetV2', classes);
  ensure(
    Object.hasOwn(stems, stem),
    'shuffleNetV2',
    `stem ${Object.keys(stems).join(' or ')}`,
    stem,
  );
  ensure(
    Object.hasOwn(widths, width),
    'shuffleNetV2',
    `width among ${Object.keys(widths).sort().join(', ')}`,
    width,
  );
  const { stem: createStem, prepare: own } = stems[stem];
  const { channels, top } = widths[width];
  const [c1, c2, c3] = channels;
  return createNetwork({
    name: `ShuffleNetV2${width === 1 ? '' : ` w${width}`} ${stem}`,
    layers: {
      stem: createStem(),
      stage1: stage(blocks[0], 24, c1),
      stage2: stage(blocks[1], c1, c2),
      stage3: stage(blocks[2], c2, c3),
      top: convBnAct(convolution({ from: c3, to: top, size: 1 }), { channels: top }, relu()),
      pooled: globalAveragePool(),
      fc: dense({ from: top, to: classes }),
    },
    taps: ['stage1', 'stage2', 'stage3', 'pooled'],
    seed,
    prepare: mergePreprocessing(own, prepare),
    keyMaps: keyMaps[stem],
  });
}

function stage(count: number, from: number, to: number): LayerFactory {
  const blocks = Array.from(
    { length: count },
    (_, at) => [`block${at}`, at === 0 ? halvingBlock(from, to) : keepingBlock(to)] as const,
  );
  return sequential(Object.fromEntries(blocks));
}

/** Half of the channels pass unchanged, the others through 1×1, depthwise, 1×1. Figure 3 (c). */
function keepingBlock(channels: number): LayerFactory {
  const half = channels / 2;
  const kept = sliceChannels({ of: channels, first: 0, count: half });
  const branch2 = sequential({
    half: sliceChannels({ of: channels, first: half, count: half }),
    ...wideBranch(half, half, 1),
  });
  return sequential({
    branches: concat({ from: channels, branches: { kept, branch2 } }),
    shuffle: channelShuffle({ groups: 2 }),
  });
}

/**
 * All channels go through both branches, each of which returns half of the output channels at half
 * the size. Figure 3 (d).
 */
function halvingBlock(from: number, to: number): LayerFactory {
  const half = to / 2;
  const branch1 = sequential({
    depthwise: convBnAct(depthwiseConvolution({ channels: from, stride: 2 }), { channels: from }),
    project: convBnAct(convolution({ from, to: half, size: 1 }), { channels: half }, relu()),
  });
  const branch2 = sequential(wideBranch(from, half, 2));
  return sequential({
    branches: concat({ from, branches: { branch1, branch2 } }),
    shuffle: channelShuffle({ groups: 2 }),
  });
}

function wideBranch(from: number, to: number, stride: 1 | 2): Record<string, LayerFactory> {
  return {
    expand: convBnAct(convolution({ from, to, size: 1 }), { channels: to }, relu()),
    depthwise: convBnAct(depthwiseConvolution({ channels: to, stride }), { channels: to }),
    project: convBnAct(convolution({ from: to, to, size: 1 }), { channels: to }, relu()),
  };
}

const secondPositions: Readonly<Record<string, number>> = { expand: 1, depthwise: 2, project: 3 };

const keyMaps: Readonly<Record<ShuffleNetV2Stem, Readonly<Record<string, StateDictKeyMap>>>> = {
  imagenet: {
    /** `shufflenet_v2_x1_0`: `stage2.0.branch1.0`, `stage2.0.branch2.3`, `conv5.1`, `fc`. */
    torchvision: keyMapFromRules([
      [/^stem\.unit\./, 'conv1.'],
      [/^top\./, 'conv5.'],
      [
        /^stage(\d)\.block(\d)\.branches\./,
        (_, stage, block) => `stage${Number(stage) + 1}.${block}.`,
      ],
      ['branch1.depthwise.', 'branch1.0.'],
      ['branch1.project.', 'branch1.2.'],
      ['branch2.expand.', 'branch2.0.'],
      ['branch2.depthwise.', 'branch2.3.'],
      ['branch2.project.', 'branch2.5.'],
      [
        /\.(\d)\.(conv|bn)$/,
        (_, position, kind) => `.${Number(position) + (kind === 'bn' ? 1 : 0)}`,
      ],
      [/^(conv[15])\.(conv|bn)$/, (_, name, kind) => `${name}.${kind === 'bn' ? 1 : 0}`],
    ]),
  },
  cifar: {
    /** `ShuffleV2`, and kuangliu's: `layer1.0.conv5`, `layer1.1.conv3`, `conv2`, `linear`. */
    repDistiller: keyMapFromRules([
      ...kuangliuShuffleNet,
      [
        /\.(\d)\.branch1\.(depthwise|project)\.(conv|bn)$/,
        (_, block, unit, kind) => `.${block}.${kind}${unit === 'depthwise' ? 1 : 2}`,
      ],
      [
        /\.(\d)\.branch2\.(expand|depthwise|project)\.(conv|bn)$/,
        (_, block, unit, kind) =>
          `.${block}.${kind}${(secondPositions[unit] as number) + (block === '0' ? 2 : 0)}`,
      ],
    ]),
  },
};

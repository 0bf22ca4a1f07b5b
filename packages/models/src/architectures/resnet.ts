import { ensure, expectedError, type Network, type StateDictKeyMap } from '@kd/core';
import { relu } from '../layers/activations.ts';
import { batchNorm } from '../layers/batchNorm.ts';
import { convolution } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import type { LayerFactory } from '../layers/layer.ts';
import { globalAveragePool, maxPool } from '../layers/pooling.ts';
import { type LayerFactories, residual, sequential } from '../layers/sequential.ts';
import { createNetwork } from '../network.ts';
import { cifar10Normalization, imagenetNormalization } from '../preprocessing/normalize.ts';
import { mergePreprocessing, type PreprocessingOptions } from '../preprocessing/preprocess.ts';
import { type KeyRule, keyMapFromRules } from './keyMap.ts';
import { type ClassifierOptions, checkClasses, scaleChannels } from './options.ts';

/**
 * The residual branch: two 3×3 convolutions, or a 1×1, a 3×3 and a 1×1 with four times as many
 * output channels.
 */
export type ResnetBlock = 'basic' | 'bottleneck';

/** The block, and the number of blocks in each of the four stages. */
export interface ResnetArchitecture {
  readonly block: ResnetBlock;
  readonly blocks: readonly [number, number, number, number];
  /**
   * Channels of the stages, which a bottleneck multiplies by four; the first is the stem's too;
   * [64, 128, 256, 512].
   */
  readonly channels?: readonly [number, number, number, number];
}

/** The published architectures by depth. */
const architectures = {
  18: { block: 'basic', blocks: [2, 2, 2, 2] },
  34: { block: 'basic', blocks: [3, 4, 6, 3] },
  50: { block: 'bottleneck', blocks: [3, 4, 6, 3] },
  101: { block: 'bottleneck', blocks: [3, 4, 23, 3] },
  152: { block: 'bottleneck', blocks: [3, 8, 36, 3] },
} as const satisfies Readonly<Record<number, ResnetArchitecture>>;

export type ResnetDepth = keyof typeof architectures;

/**
 * `imagenet`: 7×7 at stride 2, then a 3×3 max pool at stride 2. `cifar`: 3×3 at stride 1, for
 * images of 32×32.
 */
export type ResnetStem = 'imagenet' | 'cifar';

/**
 * Preprocessing of torchvision's pretrained networks, without a crop: torchvision measures their
 * accuracy at `crop: 0.875` (weights V1) or 0.965 (V2).
 */
const preprocessing: Readonly<Record<ResnetStem, PreprocessingOptions>> = {
  imagenet: { size: 224, interpolation: 'bilinear', normalize: imagenetNormalization },
  cifar: { normalize: cifar10Normalization },
};

export interface ResnetOptions extends ClassifierOptions {
  /** A published depth, or a custom architecture. */
  readonly depth: ResnetDepth | ResnetArchitecture;
  readonly stem: ResnetStem;
  /** Multiplies the channels 64, 128, 256, 512; 1. */
  readonly width?: number;
}

/**
 * The ResNet for ImageNet, as in torchvision (version 1.5: a bottleneck's stride is on its 3×3).
 * With 1000 classes and the stem `imagenet` ResNet-18 has 11,689,512 parameters, ResNet-50
 * 25,557,032. Weights are in the order of torchvision's state_dict and named alike: `conv1` is
 * `stem.conv`, `bn1` `stem.bn`, `layer1.0` `stage1.block0`, `downsample.0` and `.1` are
 * `shortcut.conv` and `shortcut.bn`. With the stem `imagenet`, images are resized to 224 × 224 and
 * normalized with ImageNet's mean and std unless `prepare` changes it.
 *
 * Taps, each after the last ReLU of its stage: `stage1` [64w, stride 4] … `stage4` [512w, 32], four
 * times as wide with bottlenecks, strides 1 … 8 with the stem `cifar`; `pooled`.
 * Source: He et al., "Deep residual learning for image recognition", CVPR 2016, table 1.
 */
export function resnet({ depth, stem, classes, seed, width = 1, prepare }: ResnetOptions): Network {
  checkClasses('resnet', classes);
  const { block, blocks, channels: published = [64, 128, 256, 512] } = resolveArchitecture(depth);
  const channels = scaleChannels('resnet', published, width);
  const expansion = block === 'bottleneck' ? 4 : 1;
  const layers: Record<string, LayerFactory> = { stem: createStem(stem, channels[0] as number) };
  let from = channels[0] as number;
  channels.forEach((planes, at) => {
    layers[`stage${at + 1}`] = stage(block, blocks[at] as number, from, planes, at === 0 ? 1 : 2);
    from = planes * expansion;
  });
  return createNetwork({
    name: `${formatName(depth)}${width === 1 ? '' : ` w${width}`} ${stem}`,
    layers: { ...layers, pooled: globalAveragePool(), fc: dense({ from, to: classes }) },
    taps: ['stage1', 'stage2', 'stage3', 'stage4', 'pooled'],
    seed,
    prepare: mergePreprocessing(preprocessing[stem], prepare),
    keyMaps: {
      torchvision: torchvisionResnet,
      huggingFace: huggingFaceResnet,
      kuangliu: akamasterResnet,
      weiaicunzai: weiaicunzaiResnet,
    },
  });
}

function resolveArchitecture(depth: ResnetOptions['depth']): ResnetArchitecture {
  if (typeof depth === 'number') {
    ensure(
      Object.hasOwn(architectures, depth),
      'resnet',
      `depth among ${Object.keys(architectures).join(', ')}`,
      depth,
    );
    return architectures[depth];
  }
  const { blocks, channels = [64, 128, 256, 512] } = depth;
  ensure(areFourCounts(blocks), 'resnet', 'four whole numbers of blocks ≥ 1', blocks);
  ensure(areFourCounts(channels), 'resnet', 'four whole numbers of channels ≥ 1', channels);
  return depth;
}

function areFourCounts(counts: readonly number[]): boolean {
  return counts.length === 4 && counts.every((count) => Number.isInteger(count) && count >= 1);
}

function formatName(depth: ResnetOptions['depth']): string {
  if (typeof depth === 'number') return `ResNet-${depth}`;
  const { block, blocks, channels } = depth;
  return `ResNet ${block} ${blocks.join('-')}${channels === undefined ? '' : ` of ${channels.join('-')}`}`;
}

function createStem(stem: ResnetStem, to: number): LayerFactory {
  switch (stem) {
    case 'imagenet':
      return sequential({
        ...convBn('conv', 'bn', { from: 3, to, size: 7, stride: 2 }),
        relu: relu(),
        pool: maxPool({ size: 3, stride: 2, padding: 1 }),
      });
    case 'cifar':
      return sequential({ ...convBn('conv', 'bn', { from: 3, to }), relu: relu() });
    default:
      stem satisfies never;
      throw expectedError('resnet', 'stem imagenet or cifar', stem);
  }
}

function stage(
  block: ResnetBlock,
  blocks: number,
  from: number,
  planes: number,
  stride: number,
): LayerFactory {
  const make = branches[block];
  ensure(make !== undefined, 'resnet', `block ${Object.keys(branches).join(' or ')}`, block);
  const residuals: Record<string, LayerFactory> = {};
  for (let at = 0, channels = from; at < blocks; at++) {
    const { body, to } = make(channels, planes, at === 0 ? stride : 1);
    const isProjected = at === 0 && (stride > 1 || channels !== to);
    const shortcut = isProjected && {
      shortcut: sequential(convBn('conv', 'bn', { from: channels, to, size: 1, stride })),
    };
    residuals[`block${at}`] = residual({ body, ...shortcut, after: relu() });
    channels = to;
  }
  return sequential(residuals);
}

/** The body of a block, and its output channels. */
type Branch = (
  from: number,
  planes: number,
  stride: number,
) => { readonly body: LayerFactories; readonly to: number };

const branches: Readonly<Record<ResnetBlock, Branch>> = {
  basic: (from, planes, stride) => ({
    to: planes,
    body: {
      ...convBn('conv1', 'bn1', { from, to: planes, stride }),
      relu1: relu(),
      ...convBn('conv2', 'bn2', { from: planes, to: planes }),
    },
  }),
  bottleneck: (from, planes, stride) => ({
    to: 4 * planes,
    body: {
      ...convBn('conv1', 'bn1', { from, to: planes, size: 1 }),
      relu1: relu(),
      ...convBn('conv2', 'bn2', { from: planes, to: planes, stride }),
      relu2: relu(),
      ...convBn('conv3', 'bn3', { from: planes, to: 4 * planes, size: 1 }),
    },
  }),
};

/** A convolution and its batch norm, with these names. */
function convBn(
  convolutionName: string,
  normName: string,
  options: Parameters<typeof convolution>[0],
): LayerFactories {
  return {
    [convolutionName]: convolution(options),
    [normName]: batchNorm({ channels: options.to }),
  };
}

// Key maps, in part those of cifarResnet too.

const stages: readonly KeyRule[] = [
  ['stem.conv', 'conv1'],
  ['stem.bn', 'bn1'],
  [/^stage(\d+)\.block(\d+)/, 'layer$1.$2'],
];

/**
 * torchvision, timm (`resnet50.a1_in1k` …), RepDistiller and mdistiller: `conv1`,
 * `layer1.0.downsample.0`, `fc`.
 */
export const torchvisionResnet: StateDictKeyMap = keyMapFromRules([
  ...stages,
  ['shortcut.conv', 'downsample.0'],
  ['shortcut.bn', 'downsample.1'],
]);

/** The networks for CIFAR of akamaster and kuangliu: `layer2.0.shortcut.0`, `linear`. */
export const akamasterResnet: StateDictKeyMap = keyMapFromRules([
  ...stages,
  ['shortcut.conv', 'shortcut.0'],
  ['shortcut.bn', 'shortcut.1'],
  [/^fc$/, 'linear'],
]);

/** weiaicunzai's networks for CIFAR-100: `conv2_x.0.residual_function.0`. */
const weiaicunzaiResnet: StateDictKeyMap = keyMapFromRules([
  ['stem.conv', 'conv1.0'],
  ['stem.bn', 'conv1.1'],
  [/^stage(\d+)\.block/, (_, stage) => `conv${Number(stage) + 1}_x.`],
  [/\.conv(\d+)$/, (_, number) => `.residual_function.${3 * Number(number) - 3}`],
  [/\.bn(\d+)$/, (_, number) => `.residual_function.${3 * Number(number) - 2}`],
  ['shortcut.conv', 'shortcut.0'],
  ['shortcut.bn', 'shortcut.1'],
]);

/**
 * Hugging Face's `ResNetForImageClassification`:
 * `resnet.encoder.stages.0.layers.0.layer.0.convolution`, `classifier.1`.
 */
const huggingFaceResnet: StateDictKeyMap = keyMapFromRules([
  [/^stem\./, 'resnet.embedder.embedder.'],
  [/^stage(\d+)\.block/, (_, stage) => `resnet.encoder.stages.${Number(stage) - 1}.layers.`],
  [/\.(conv|bn)(\d+)$/, (_, kind, number) => `.layer.${Number(number) - 1}.${kind}`],
  [/\.conv$/, '.convolution'],
  [/\.bn$/, '.normalization'],
  [/^fc$/, 'classifier.1'],
]);

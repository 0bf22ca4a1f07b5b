import { ensure, expectedError, type Network } from '@kd/core';
import { batchNorm } from '../layers/batchNorm.ts';
import { type LayerFactories, residual, sequential } from '../layers/compose.ts';
import { convolution } from '../layers/convolution.ts';
import { dense } from '../layers/dense.ts';
import type { LayerFactory } from '../layers/layer.ts';
import { relu } from '../layers/pointwise.ts';
import { globalAveragePool, maxPool } from '../layers/pooling.ts';
import {
  akamasterResnet,
  huggingFaceResnet,
  torchvisionResnet,
  weiaicunzaiResnet,
} from '../names/resnetNames.ts';
import { createNetwork } from '../network.ts';
import { type ClassifierOptions, checkClasses, widened } from '../options.ts';
import { cifar10Normalization, imagenetNormalization } from '../prepare/normalize.ts';
import { type PreprocessingOptions, preparedBy } from '../prepare/preparation.ts';

/**
 * What a residual branch is made of: two 3×3 convolutions, or a 1×1, a 3×3 and a 1×1 that comes out
 * four times as wide.
 */
export type ResnetBlock = 'basic' | 'bottleneck';

/** Which blocks, and how many in each of the four stages. */
export interface ResnetArchitecture {
  readonly block: ResnetBlock;
  readonly blocks: readonly [number, number, number, number];
  /**
   * Of the stages, before a bottleneck makes four times as many of them; the first is the stem's
   * too; [64, 128, 256, 512].
   */
  readonly channels?: readonly [number, number, number, number];
}

/** The published networks. */
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
 * As torchvision's pretrained networks want their images, all of them in view: it measures at
 * `crop: 0.875` (weights V1) or 0.965 (V2).
 */
const preparations: Readonly<Record<ResnetStem, PreprocessingOptions>> = {
  imagenet: { size: 224, interpolation: 'bilinear', normalize: imagenetNormalization },
  cifar: { normalize: cifar10Normalization },
};

export interface ResnetOptions extends ClassifierOptions {
  /** A published one, or an architecture of your own. */
  readonly depth: ResnetDepth | ResnetArchitecture;
  readonly stem: ResnetStem;
  /** Multiplies the channels 64, 128, 256, 512; 1. */
  readonly width?: number;
}

/**
 * The ResNet of ImageNet, as torchvision has it (version 1.5: a bottleneck's stride is on its 3×3).
 * With 1000 classes and the stem `imagenet` ResNet-18 has
 * 11,689,512 parameters, ResNet-50 25,557,032. Weights lie in the order of torchvision's state_dict
 * and are called alike: `conv1` is `stem.conv`, `bn1`
 * `stem.bn`, `layer1.0` `stage1.block0`, `downsample.0` and `.1` `shortcut.conv` and `shortcut.bn`.
 * With the
 * stem `imagenet`, images are resized to 224 × 224 and normalized by ImageNet's statistics unless
 * `prepare` says otherwise.
 *
 * Taps, each after the last ReLU of its stage: `stage1` [64w, stride 4] … `stage4` [512w, 32], four
 * times as wide with bottlenecks, strides 1 … 8 with the
 * stem `cifar`; `pooled`.
 * Source: He et al., "Deep residual learning for image recognition", CVPR 2016, table 1.
 */
export function resnet({ depth, stem, classes, seed, width = 1, prepare }: ResnetOptions): Network {
  checkClasses('resnet', classes);
  const { block, blocks, channels: published = [64, 128, 256, 512] } = architectureOf(depth);
  const channels = widened('resnet', published, width);
  const expansion = block === 'bottleneck' ? 4 : 1;
  const layers: Record<string, LayerFactory> = { stem: stemOf(stem, channels[0] as number) };
  let from = channels[0] as number;
  channels.forEach((planes, at) => {
    layers[`stage${at + 1}`] = stage(block, blocks[at] as number, from, planes, at === 0 ? 1 : 2);
    from = planes * expansion;
  });
  return createNetwork({
    name: `${nameOf(depth)}${width === 1 ? '' : ` w${width}`} ${stem}`,
    layers: { ...layers, pooled: globalAveragePool(), fc: dense({ from, to: classes }) },
    taps: ['stage1', 'stage2', 'stage3', 'stage4', 'pooled'],
    seed,
    prepare: preparedBy(preparations[stem], prepare),
    names: {
      torchvision: torchvisionResnet,
      huggingFace: huggingFaceResnet,
      kuangliu: akamasterResnet,
      weiaicunzai: weiaicunzaiResnet,
    },
  });
}

function architectureOf(depth: ResnetOptions['depth']): ResnetArchitecture {
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
  ensure(isFourCounts(blocks), 'resnet', 'four whole numbers of blocks ≥ 1', blocks);
  ensure(isFourCounts(channels), 'resnet', 'four whole numbers of channels ≥ 1', channels);
  return depth;
}

function isFourCounts(counts: readonly number[]): boolean {
  return counts.length === 4 && counts.every((count) => Number.isInteger(count) && count >= 1);
}

function nameOf(depth: ResnetOptions['depth']): string {
  if (typeof depth === 'number') return `ResNet-${depth}`;
  const { block, blocks, channels } = depth;
  return `ResNet ${block} ${blocks.join('-')}${channels === undefined ? '' : ` of ${channels.join('-')}`}`;
}

function stemOf(stem: ResnetStem, to: number): LayerFactory {
  switch (stem) {
    case 'imagenet':
      return sequential({
        ...normalized('conv', 'bn', { from: 3, to, size: 7, stride: 2 }),
        relu: relu(),
        pool: maxPool({ size: 3, stride: 2, padding: 1 }),
      });
    case 'cifar':
      return sequential({ ...normalized('conv', 'bn', { from: 3, to }), relu: relu() });
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
  const plans: Record<string, LayerFactory> = {};
  for (let at = 0, channels = from; at < blocks; at++) {
    const { body, to } = make(channels, planes, at === 0 ? stride : 1);
    const isProjected = at === 0 && (stride > 1 || channels !== to);
    const shortcut = isProjected && {
      shortcut: sequential(normalized('conv', 'bn', { from: channels, to, size: 1, stride })),
    };
    plans[`block${at}`] = residual({ body, ...shortcut, after: relu() });
    channels = to;
  }
  return sequential(plans);
}

/** The body of a block, and the channels that come out. */
type Branch = (
  from: number,
  planes: number,
  stride: number,
) => { readonly body: LayerFactories; readonly to: number };

const branches: Readonly<Record<ResnetBlock, Branch>> = {
  basic: (from, planes, stride) => ({
    to: planes,
    body: {
      ...normalized('conv1', 'bn1', { from, to: planes, stride }),
      relu1: relu(),
      ...normalized('conv2', 'bn2', { from: planes, to: planes }),
    },
  }),
  bottleneck: (from, planes, stride) => ({
    to: 4 * planes,
    body: {
      ...normalized('conv1', 'bn1', { from, to: planes, size: 1 }),
      relu1: relu(),
      ...normalized('conv2', 'bn2', { from: planes, to: planes, stride }),
      relu2: relu(),
      ...normalized('conv3', 'bn3', { from: planes, to: 4 * planes, size: 1 }),
    },
  }),
};

/** A convolution and its batch norm under these names. */
function normalized(
  convolutionName: string,
  normName: string,
  options: Parameters<typeof convolution>[0],
): LayerFactories {
  return {
    [convolutionName]: convolution(options),
    [normName]: batchNorm({ channels: options.to }),
  };
}

import { ensure, type Network, type StateDictKeyMap } from '@kd/core';
import { relu } from '../layers/activations.ts';
import { batchNorm } from '../layers/batchNorm.ts';
import { convolution } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import type { LayerFactory } from '../layers/layer.ts';
import { globalAveragePool, maxPool } from '../layers/pooling.ts';
import { sequential } from '../layers/sequential.ts';
import { createNetwork } from '../network.ts';
import { keyMapFromRules } from './keyMap.ts';
import { type ClassifierOptions, checkClasses, scaleChannels } from './options.ts';

/**
 * Convolutions in each of the five stages: columns A, B, D and E of the paper, and RepDistiller's
 * network of 8 layers.
 */
const convolutions = {
  8: [1, 1, 1, 1, 1],
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
} as const;

export type VggDepth = keyof typeof convolutions;

export interface VggOptions extends ClassifierOptions {
  readonly depth: VggDepth;
  /** Multiplies the channels 64, 128, 256, 512, 512; 1. */
  readonly width?: number;
}

/**
 * VGG for CIFAR, as in distillation papers: five stages of 3×3 convolutions with bias, batch norm
 * and ReLU, a 2×2 max pool after each of the first three, then global average pool and one dense
 * layer. With 100 classes VGG-13 has 9,462,180 parameters.
 *
 * Taps, each after the last ReLU of its stage and before the pool: `stage1` [64w, stride 1],
 * `stage2` [128w, 2], `stage3` [256w, 4], `stage4` [512w, 8], `stage5` [512w, 8], `pooled` [512w].
 * Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
 * recognition", ICLR 2015, table 1; RepDistiller's `vgg8_bn` to `vgg19_bn` at 32 × 32.
 */
export function vgg({ depth, classes, seed, width = 1, prepare }: VggOptions): Network {
  checkClasses('vgg', classes);
  ensure(
    Object.hasOwn(convolutions, depth),
    'vgg',
    `depth among ${Object.keys(convolutions).join(', ')}`,
    depth,
  );
  const channels = scaleChannels('vgg', [64, 128, 256, 512, 512], width);
  const layers: Record<string, LayerFactory> = {};
  channels.forEach((to, at) => {
    layers[`stage${at + 1}`] = stage(convolutions[depth][at] as number, channels[at - 1] ?? 3, to);
    if (at < 3) layers[`pool${at + 1}`] = maxPool();
  });
  return createNetwork({
    name: `VGG-${depth}${width === 1 ? '' : ` w${width}`}`,
    layers: {
      ...layers,
      pooled: globalAveragePool(),
      fc: dense({ from: channels[4] as number, to: classes }),
    },
    taps: ['stage1', 'stage2', 'stage3', 'stage4', 'stage5', 'pooled'],
    seed,
    keyMaps: { repDistiller: repDistillerKeys },
    ...(prepare && { prepare }),
  });
}

function stage(count: number, from: number, to: number): LayerFactory {
  const layers: Record<string, LayerFactory> = {};
  for (let at = 1; at <= count; at++) {
    layers[`conv${at}`] = convolution({ from: at === 1 ? from : to, to, bias: true });
    layers[`bn${at}`] = batchNorm({ channels: to });
    layers[`relu${at}`] = relu();
  }
  return sequential(layers);
}

/**
 * RepDistiller and mdistiller, whose sequences count convolution, batch norm and ReLU: `block0.0`,
 * `block0.1`, `block0.3` …, `classifier`.
 */
const repDistillerKeys: StateDictKeyMap = keyMapFromRules([
  [/^stage(\d+)\./, (_, stage) => `block${Number(stage) - 1}.`],
  [/conv(\d+)$/, (_, at) => `${3 * (Number(at) - 1)}`],
  [/bn(\d+)$/, (_, at) => `${3 * (Number(at) - 1) + 1}`],
  [/^fc$/, 'classifier'],
]);

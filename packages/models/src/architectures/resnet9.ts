import type { Network } from '@kd/core';
import { scale } from '../layers/activations.ts';
import { convBnRelu } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import { globalMaxPool, maxPool } from '../layers/pooling.ts';
import { residual, sequential } from '../layers/sequential.ts';
import { createNetwork } from '../network.ts';
import { type ClassifierOptions, checkClasses, scaleChannels } from './options.ts';

export interface Resnet9Options extends ClassifierOptions {
  /**
   * Multiplies the channels 64, 128, 256, 512; 1. At 0.25 there are 0.41 M parameters, at 1 6.57 M.
   */
  readonly width?: number;
}

/**
 * The small residual network that trains fastest on CIFAR-10: eight 3×3 convolutions with batch
 * norm and ReLU, two residual pairs, and a dense layer without bias whose logits are multiplied by
 * 0.2.
 *
 * Taps, each after ReLU (`stage2` and `stage4` after the residual sum, which has no ReLU behind
 * it): `stage1` [64w, stride 1], `stage2` [128w, 2], `stage3` [256w, 4], `stage4` [512w, 8],
 * `pooled` [512w].
 * Source: Page, "How to train your ResNet" (DAWNBench, 2018), with 0.2 for its 0.125.
 */
export function resnet9({ classes, seed, width = 1, prepare }: Resnet9Options): Network {
  checkClasses('resnet9', classes);
  const [w1, w2, w3, w4] = scaleChannels('resnet9', [64, 128, 256, 512], width) as [
    number,
    number,
    number,
    number,
  ];
  const pair = (channels: number) =>
    residual({
      body: { conv1: convBnRelu(channels, channels), conv2: convBnRelu(channels, channels) },
    });
  return createNetwork({
    name: `resnet9 w${width}`,
    layers: {
      stage1: convBnRelu(3, w1),
      stage2: sequential({ entry: convBnRelu(w1, w2), pool: maxPool(), pair: pair(w2) }),
      stage3: sequential({ entry: convBnRelu(w2, w3), pool: maxPool() }),
      stage4: sequential({ entry: convBnRelu(w3, w4), pool: maxPool(), pair: pair(w4) }),
      pooled: globalMaxPool(),
      fc: dense({ from: w4, to: classes, bias: false }),
      scaled: scale(0.2),
    },
    taps: ['stage1', 'stage2', 'stage3', 'stage4', 'pooled'],
    seed,
    ...(prepare && { prepare }),
  });
}

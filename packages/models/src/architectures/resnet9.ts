import type { Network } from '@kd/core';
import { residual, sequential } from '../layers/compose.ts';
import { convBnRelu } from '../layers/convBnRelu.ts';
import { dense } from '../layers/dense.ts';
import { scale } from '../layers/pointwise.ts';
import { globalMaxPool, maxPool } from '../layers/pooling.ts';
import { createNetwork } from '../network.ts';
import { type ClassifierOptions, checkClasses, widened } from '../options.ts';

export interface Resnet9Options extends ClassifierOptions {
  /**
   * Multiplies the channels 64, 128, 256, 512; 1. A quarter has 0.41 M parameters, 1 has 6.57 M.
   */
  readonly width?: number;
}

/**
 * The small residual network that trains fastest on CIFAR-10: eight 3×3 convolutions with batch
 * norm and ReLU, two residual pairs, and a dense
 * layer without bias whose logits are multiplied by 0.2.
 *
 * Taps, each after ReLU (`stage2` and `stage4` after the residual sum, which has no ReLU behind
 * it): `stage1` [64w, stride 1], `stage2` [128w, 2],
 * `stage3` [256w, 4], `stage4` [512w, 8], `pooled` [512w].
 * Source: Page, "How to train your ResNet" (DAWNBench, 2018), with 0.2 for its 0.125.
 */
export function resnet9({ classes, seed, width = 1, prepare }: Resnet9Options): Network {
  checkClasses('resnet9', classes);
  const [w1, w2, w3, w4] = widened('resnet9', [64, 128, 256, 512], width) as [
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

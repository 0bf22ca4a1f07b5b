import { ensure, type Network } from '@kd/core';
import { sequential } from '../layers/compose.ts';
import { convolution } from '../layers/convolution.ts';
import { dense } from '../layers/dense.ts';
import { torchDefaultUniform } from '../layers/initial.ts';
import { relu } from '../layers/pointwise.ts';
import { globalAveragePool, maxPool } from '../layers/pooling.ts';
import { tutorialNames } from '../names/seedCnnNames.ts';
import { createNetwork } from '../network.ts';
import { type ClassifierOptions, checkClasses } from '../options.ts';
import { imagenetNormalization } from '../prepare/normalize.ts';
import { preparedBy } from '../prepare/preparation.ts';

export interface SeedCnnOptions extends ClassifierOptions {
  /** Of both stages and of `fc1`; [64, 128, 32], as printed. */
  readonly channels?: readonly [number, number, number];
}

/**
 * The student of the tutorial, layer by layer as printed: nothing between `fc1` and `fc2`, its
 * dropout rate unused, no batch norm. 264,618
 * parameters at 10 classes. It starts as PyTorch starts it, and normalizes by ImageNet's statistics
 * as the tutorial does.
 *
 * Taps: `stage1` [64, stride 2] and `stage2` [128, stride 4] after ReLU and max pool, `pooled`
 * [128].
 * Source: Het Shah, "Knowledge distillation for convolution neural networks using PyTorch".
 */
export function tutorialCnn({
  classes,
  seed,
  channels = [64, 128, 32],
  prepare,
}: SeedCnnOptions): Network {
  checkClasses('tutorialCnn', classes);
  ensure(
    channels.length === 3 && channels.every((count) => Number.isInteger(count) && count >= 1),
    'tutorialCnn',
    'three whole numbers of channels ≥ 1',
    channels,
  );
  const [w1, w2, w3] = channels;
  const conv = (from: number, to: number) =>
    convolution({ from, to, bias: true, initial: torchDefaultUniform });
  const stage = (from: number, to: number) =>
    sequential({
      conv1: conv(from, to),
      relu1: relu(),
      conv2: conv(to, to),
      relu2: relu(),
      pool: maxPool({ size: 2 }),
    });
  return createNetwork({
    name: `tutorialCnn${channels.join('-') === '64-128-32' ? '' : ` ${channels.join('-')}`}`,
    layers: {
      stage1: stage(3, w1),
      stage2: stage(w1, w2),
      pooled: globalAveragePool(),
      fc1: dense({ from: w2, to: w3 }),
      fc2: dense({ from: w3, to: classes }),
    },
    taps: ['stage1', 'stage2', 'pooled'],
    seed,
    prepare: preparedBy({ normalize: imagenetNormalization }, prepare),
    names: { tutorial: tutorialNames },
  });
}

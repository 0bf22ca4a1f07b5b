import { ensure, type Network, type StateDictKeyMap } from '@kd/core';
import { relu } from '../layers/activations.ts';
import { convolution } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import { torchDefaultUniform } from '../layers/initializers.ts';
import { globalAveragePool, maxPool } from '../layers/pooling.ts';
import { sequential } from '../layers/sequential.ts';
import { createNetwork } from '../network.ts';
import { imagenetNormalization } from '../preprocessing/normalize.ts';
import { mergePreprocessing } from '../preprocessing/preprocess.ts';
import { keyMapFromRules } from './keyMap.ts';
import { type ClassifierOptions, checkClasses } from './options.ts';

export interface TutorialCnnOptions extends ClassifierOptions {
  /** Channels of both stages and of `fc1`; [64, 128, 32], as in the tutorial. */
  readonly channels?: readonly [number, number, number];
}

/**
 * The student of the tutorial, layer by layer as published: nothing between `fc1` and `fc2`, its
 * dropout rate unused, no batch norm. 264,618 parameters with 10 classes. It is initialized with
 * PyTorch's defaults, and normalizes with ImageNet's mean and std as the tutorial does.
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
}: TutorialCnnOptions): Network {
  checkClasses('tutorialCnn', classes);
  ensure(
    channels.length === 3 && channels.every((count) => Number.isInteger(count) && count >= 1),
    'tutorialCnn',
    'three whole numbers of channels ≥ 1',
    channels,
  );
  const [c1, c2, c3] = channels;
  const conv = (from: number, to: number) =>
    convolution({ from, to, bias: true, initializer: torchDefaultUniform });
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
      stage1: stage(3, c1),
      stage2: stage(c1, c2),
      pooled: globalAveragePool(),
      fc1: dense({ from: c2, to: c3 }),
      fc2: dense({ from: c3, to: classes }),
    },
    taps: ['stage1', 'stage2', 'pooled'],
    seed,
    prepare: mergePreprocessing({ normalize: imagenetNormalization }, prepare),
    keyMaps: { tutorial: tutorialKeys },
  });
}

/** The tutorial's `Net`: `layer1.0`, `layer1.2`, `layer2.0`, `layer2.2`, `fc1`, `fc2`. */
const tutorialKeys: StateDictKeyMap = keyMapFromRules([
  [/^stage(\d)\.conv(\d)$/, (_, stage, conv) => `layer${stage}.${2 * Number(conv) - 2}`],
]);

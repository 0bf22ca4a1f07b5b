import type { StateDictKeyMap } from '@kd/core';
import { type Renaming, renamed } from './renamed.ts';

const stages: readonly Renaming[] = [
  ['stem.conv', 'conv1'],
  ['stem.bn', 'bn1'],
  [/^stage(\d+)\.block(\d+)/, 'layer$1.$2'],
];

/**
 * torchvision's; timm (`resnet50.a1_in1k` …), RepDistiller and mdistiller say the same: `conv1`,
 * `layer1.0.downsample.0`, `fc`.
 */
export const torchvisionResnet: StateDictKeyMap = renamed([
  ...stages,
  ['shortcut.conv', 'downsample.0'],
  ['shortcut.bn', 'downsample.1'],
]);

/** Those of the networks for CIFAR of akamaster and kuangliu: `layer2.0.shortcut.0`, `linear`. */
export const akamasterResnet: StateDictKeyMap = renamed([
  ...stages,
  ['shortcut.conv', 'shortcut.0'],
  ['shortcut.bn', 'shortcut.1'],
  [/^fc$/, 'linear'],
]);

/** Those of weiaicunzai's networks for CIFAR-100: `conv2_x.0.residual_function.0`. */
export const weiaicunzaiResnet: StateDictKeyMap = renamed([
  ['stem.conv', 'conv1.0'],
  ['stem.bn', 'conv1.1'],
  [/^stage(\d+)\.block/, (_, stage) => `conv${Number(stage) + 1}_x.`],
  [/\.conv(\d+)$/, (_, number) => `.residual_function.${3 * Number(number) - 3}`],
  [/\.bn(\d+)$/, (_, number) => `.residual_function.${3 * Number(number) - 2}`],
  ['shortcut.conv', 'shortcut.0'],
  ['shortcut.bn', 'shortcut.1'],
]);

/**
 * Those of `ResNetForImageClassification`: `resnet.encoder.stages.0.layers.0.layer.0.convolution`,
 * `classifier.1`.
 */
export const huggingFaceResnet: StateDictKeyMap = renamed([
  [/^stem\./, 'resnet.embedder.embedder.'],
  [/^stage(\d+)\.block/, (_, stage) => `resnet.encoder.stages.${Number(stage) - 1}.layers.`],
  [/\.(conv|bn)(\d+)$/, (_, kind, number) => `.layer.${Number(number) - 1}.${kind}`],
  [/\.conv$/, '.convolution'],
  [/\.bn$/, '.normalization'],
  [/^fc$/, 'classifier.1'],
]);

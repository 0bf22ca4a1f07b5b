import type { StateDictKeyMap } from '@kd/core';
import { type Renaming, renamed } from './renamed.ts';

/**
 * torchvision's `shufflenet_v2_x1_0`: `stage2.0.branch1.0`, `stage2.0.branch2.3`, `conv5.1`, `fc`.
 */
export const torchvisionShuffleNetV2: StateDictKeyMap = renamed([
  [/^stem\.unit\./, 'conv1.'],
  [/^top\./, 'conv5.'],
  [/^stage(\d)\.block(\d)\.branches\./, (_, stage, block) => `stage${Number(stage) + 1}.${block}.`],
  ['branch1.depthwise.', 'branch1.0.'],
  ['branch1.project.', 'branch1.2.'],
  ['branch2.expand.', 'branch2.0.'],
  ['branch2.depthwise.', 'branch2.3.'],
  ['branch2.project.', 'branch2.5.'],
  [/\.(\d)\.(conv|bn)$/, (_, place, kind) => `.${Number(place) + (kind === 'bn' ? 1 : 0)}`],
  [/^(conv[15])\.(conv|bn)$/, (_, name, kind) => `${name}.${kind === 'bn' ? 1 : 0}`],
]);

const stages: readonly Renaming[] = [
  [/^stem\.(unit\.)?(conv|bn)$/, '$21'],
  [/^top\.(conv|bn)$/, '$12'],
  [/^stage(\d)\.block(\d)\.(branches\.)?/, (_, stage, block) => `layer${stage}.${block}.`],
  [/^fc$/, 'linear'],
];

/** RepDistiller's `ShuffleV1` and kuangliu's: `layer1.0.conv2`, `linear`. */
export const repDistillerShuffleNetV1: StateDictKeyMap = renamed([
  ...stages,
  [
    /\.(body\.)?(reduce|depthwise|expand)\.(conv|bn)$/,
    (_, __, unit, kind) => `.${kind}${placesV1[unit]}`,
  ],
]);

const placesV1: Readonly<Record<string, number>> = { reduce: 1, depthwise: 2, expand: 3 };

/**
 * RepDistiller's `ShuffleV2` and kuangliu's: `layer1.0.conv5`, `layer1.1.conv3`, `conv2`, `linear`.
 */
export const repDistillerShuffleNetV2: StateDictKeyMap = renamed([
  ...stages,
  [
    /\.(\d)\.branch1\.(depthwise|project)\.(conv|bn)$/,
    (_, block, unit, kind) => `.${block}.${kind}${unit === 'depthwise' ? 1 : 2}`,
  ],
  [
    /\.(\d)\.branch2\.(expand|depthwise|project)\.(conv|bn)$/,
    (_, block, unit, kind) =>
      `.${block}.${kind}${(placesV2[unit] as number) + (block === '0' ? 2 : 0)}`,
  ],
]);

const placesV2: Readonly<Record<string, number>> = { expand: 1, depthwise: 2, project: 3 };

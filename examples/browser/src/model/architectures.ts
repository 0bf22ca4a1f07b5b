import type { Network } from '@kd/core';
import {
  type ClassifierOptions,
  cifarResnet,
  efficientNetLite,
  mobileNetV2,
  resnet,
  resnet9,
  shuffleNetV1,
  shuffleNetV2,
  studentCnn,
  tutorialCnn,
  vgg,
  wideResnet,
} from '@kd/models';

/** The architectures that `model.json` can name. */
const architectures = {
  cifarResnet,
  efficientNetLite,
  mobileNetV2,
  resnet,
  resnet9,
  shuffleNetV1,
  shuffleNetV2,
  studentCnn,
  tutorialCnn,
  vgg,
  wideResnet,
} as const;

export type ArchitectureName = keyof typeof architectures;

/**
 * Builds a network with its first weights.
 * @param options Those of the architecture, which checks them.
 */
export function buildNetwork(
  architecture: ArchitectureName,
  options: Readonly<Record<string, unknown>>,
  { classes, seed }: Pick<ClassifierOptions, 'classes' | 'seed'>,
): Network {
  const create = architectures[architecture] as (options: object) => Network;
  return create({ ...options, classes, seed });
}

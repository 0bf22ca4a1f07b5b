import type { Network } from '@kd/core';
import {
  type CifarResnetDepth,
  cifarResnet,
  type PreprocessingOptions,
  resnet,
  tutorialCnn,
  type Weights,
} from '@kd/models';

/** Preprocessing that leaves the input unchanged. */
const prepare: PreprocessingOptions = {
  size: 'asGiven',
  normalize: { mean: [0, 0, 0], std: [1, 1, 1] },
};

/**
 * Creates the network that these tensors belong to, recognized by names and shapes; undefined if
 * there is none.
 */
export function networkFor({ entries }: Weights): Network | undefined {
  const sides = (name: string): readonly number[] =>
    Object.hasOwn(entries, name) ? (entries[name]?.shape ?? []) : [];
  const out = (name: string) => sides(name)[0] ?? 0;
  const length = (name: (at: number) => string) => {
    let at = 0;
    while (sides(name(at)).length > 0) at++;
    return at;
  };
  const convolutionOf = (stage: number, block: number) => `layer${stage + 1}.${block}.conv1.weight`;
  const stages = length((stage) => convolutionOf(stage, 0));
  const common = { seed: 0, prepare, classes: out('fc.weight') };
  const counts = Array.from({ length: stages }, (_, stage) =>
    length((block) => convolutionOf(stage, block)),
  );
  const channels = Array.from({ length: stages }, (_, stage) => out(convolutionOf(stage, 0)));
  if (stages === 4) {
    const block = sides('layer1.0.conv3.weight').length > 0 ? 'bottleneck' : 'basic';
    const [blocks, widths] = [counts, channels] as unknown as [Four, Four];
    return resnet({
      ...common,
      depth: { block, blocks, channels: widths },
      stem: sides('conv1.weight')[2] === 7 ? 'imagenet' : 'cifar',
    });
  }
  if (stages === 3) {
    const isWide = channels[0] !== out('conv1.weight');
    const depth = `${6 * (counts[0] as number) + 2}${isWide ? 'x4' : ''}`;
    const shortcut = sides('layer2.0.downsample.0.weight').length > 0 ? 'projection' : 'identity';
    const width = (channels[0] as number) / (isWide ? 64 : 16);
    return cifarResnet({
      ...common,
      depth: (isWide ? depth : Number(depth)) as CifarResnetDepth,
      width,
      shortcut,
    });
  }
  const isTutorial = [
    'layer1.0.weight',
    'layer1.2.weight',
    'layer2.0.weight',
    'layer2.2.weight',
    'fc1.weight',
  ].every((name) => out(name) > 0);
  if (!isTutorial) return undefined;
  return tutorialCnn({
    ...common,
    classes: out('fc2.weight'),
    channels: [out('layer1.0.weight'), out('layer2.0.weight'), out('fc1.weight')],
  });
}

type Four = [number, number, number, number];

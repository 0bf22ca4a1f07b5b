import { ensure, type Network, type StateDictKeyMap } from '@kd/core';
import { relu } from '../layers/activations.ts';
import { batchNorm } from '../layers/batchNorm.ts';
import { convolution } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import type { LayerFactory } from '../layers/layer.ts';
import { globalAveragePool } from '../layers/pooling.ts';
import { residual, sequential } from '../layers/sequential.ts';
import { createNetwork } from '../network.ts';
import { keyMapFromRules } from './keyMap.ts';
import { type ClassifierOptions, checkClasses, scaleChannels } from './options.ts';

/** depth = 6 · blocks per stage + 4. */
const blocksPerStage = { 10: 1, 16: 2, 22: 3, 28: 4, 34: 5, 40: 6 } as const;

export type WideResnetDepth = keyof typeof blocksPerStage;

export interface WideResnetOptions extends ClassifierOptions {
  readonly depth: WideResnetDepth;
  /** Multiplies the stages' channels 16, 32, 64, not the stem's: WRN-40-2 is depth 40, width 2. */
  readonly width: number;
}

/**
 * The wide residual network for CIFAR: a 3×3 stem of 16 channels, three stages of pre-activation
 * blocks (batch norm and ReLU before each convolution), batch norm and ReLU, global average pool,
 * one dense layer. The shortcut of a block that changes the channels is a 1×1 convolution without
 * batch norm. No dropout, as in distillation papers: with 100 classes WRN-40-2 has 2,255,156
 * parameters.
 *
 * Taps: `stage1` [16w, stride 1], `stage2` [32w, 2], `stage3` [64w, 4], the residual sums before
 * any ReLU, and `pooled` [64w].
 * Source: Zagoruyko and Komodakis, "Wide residual networks", BMVC 2016, section 3; layers and taps
 * as in RepDistiller's `wrn`.
 */
export function wideResnet({ depth, width, classes, seed, prepare }: WideResnetOptions): Network {
  checkClasses('wideResnet', classes);
  ensure(
    Object.hasOwn(blocksPerStage, depth),
    'wideResnet',
    `depth among ${Object.keys(blocksPerStage).join(', ')}`,
    depth,
  );
  const blocks = blocksPerStage[depth];
  const [w1, w2, w3] = scaleChannels('wideResnet', [16, 32, 64], width) as [number, number, number];
  return createNetwork({
    name: `WRN-${depth}-${width}`,
    layers: {
      stem: convolution({ from: 3, to: 16 }),
      stage1: stage(blocks, 16, w1, 1),
      stage2: stage(blocks, w1, w2, 2),
      stage3: stage(blocks, w2, w3, 2),
      bn: batchNorm({ channels: w3 }),
      relu: relu(),
      pooled: globalAveragePool(),
      fc: dense({ from: w3, to: classes }),
    },
    taps: ['stage1', 'stage2', 'stage3', 'pooled'],
    seed,
    keyMaps: { repDistiller: repDistillerKeys },
    ...(prepare && { prepare }),
  });
}

function stage(blocks: number, from: number, to: number, stride: 1 | 2): LayerFactory {
  const entry: LayerFactory =
    stride > 1 || from !== to ? wideningBlock(from, to, stride) : block(to);
  return sequential({
    block0: entry,
    ...Object.fromEntries(
      Array.from({ length: blocks - 1 }, (_, at) => [`block${at + 1}`, block(to)]),
    ),
  });
}

/** A block whose shortcut is x. */
function block(channels: number): LayerFactory {
  return residual({
    body: { bn1: batchNorm({ channels }), relu1: relu(), ...branch(channels, channels, 1) },
  });
}

/** A block whose shortcut starts after its first batch norm and ReLU. */
function wideningBlock(from: number, to: number, stride: 1 | 2): LayerFactory {
  return residual({
    before: { bn1: batchNorm({ channels: from }), relu1: relu() },
    body: branch(from, to, stride),
    shortcut: convolution({ from, to, size: 1, stride }),
  });
}

function branch(from: number, to: number, stride: 1 | 2): Readonly<Record<string, LayerFactory>> {
  return {
    conv1: convolution({ from, to, stride }),
    bn2: batchNorm({ channels: to }),
    relu2: relu(),
    conv2: convolution({ from: to, to }),
  };
}

/** RepDistiller and mdistiller: `conv1`, `block1.layer.0.convShortcut`, `bn1`, `fc`. */
const repDistillerKeys: StateDictKeyMap = keyMapFromRules([
  [/^stage(\d+)\.block(\d+)/, 'block$1.layer.$2'],
  [/\.shortcut$/, '.convShortcut'],
  [/^stem$/, 'conv1'],
  [/^bn$/, 'bn1'],
]);

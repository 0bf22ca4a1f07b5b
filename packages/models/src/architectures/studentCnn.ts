import { ensure, type Network } from '@kd/core';
import { convBnRelu } from '../layers/conv.ts';
import { dense } from '../layers/dense.ts';
import type { LayerFactory } from '../layers/layer.ts';
import { globalAveragePool, maxPool } from '../layers/pooling.ts';
import { createNetwork } from '../network.ts';
import { type ClassifierOptions, checkClasses } from './options.ts';

export interface StudentCnnOptions extends ClassifierOptions {
  /** Channels of the stages; [16, 32, 64]. */
  readonly widths?: readonly number[];
}

/**
 * The default student: each stage is a 3×3 convolution with batch norm and ReLU; a 2×2 max pool
 * between stages, then global average pool and one dense layer. 24,346 parameters with 10 classes
 * and the default widths.
 *
 * Taps: `stage1`, `stage2`, … after ReLU and before the pool [widths[i], stride 2ⁱ], `pooled`.
 */
export function studentCnn({
  classes,
  seed,
  widths = [16, 32, 64],
  prepare,
}: StudentCnnOptions): Network {
  checkClasses('studentCnn', classes);
  ensure(
    widths.length >= 1 && widths.every((width) => Number.isInteger(width) && width >= 1),
    'studentCnn',
    'widths as whole numbers ≥ 1',
    widths,
  );
  const layers: Record<string, LayerFactory> = {};
  widths.forEach((width, at) => {
    if (at > 0) layers[`pool${at}`] = maxPool();
    layers[`stage${at + 1}`] = convBnRelu(at === 0 ? 3 : (widths[at - 1] as number), width);
  });
  const stages = widths.map((_, at) => `stage${at + 1}`);
  return createNetwork({
    name: `studentCnn ${widths.join('-')}`,
    layers: {
      ...layers,
      pooled: globalAveragePool(),
      fc: dense({ from: widths[widths.length - 1] as number, to: classes }),
    },
    taps: [...stages, 'pooled'],
    seed,
    ...(prepare && { prepare }),
  });
}

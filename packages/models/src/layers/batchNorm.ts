import { ensure, type ForwardOptions, normalizeBatch } from '@kd/core';
import {
  add,
  mul,
  batchNorm as normalizeByAverages,
  ones,
  type Tensor1D,
  type Tensor4D,
  tidy,
  type Variable,
  zeros,
} from '@tensorflow/tfjs-core';
import { ownedVariable } from './initializers.ts';
import { assertMaps, type LayerFactory } from './layer.ts';

export interface BatchNormOptions {
  readonly channels: number;
  /** Added to the variance; 1e-5 as in PyTorch (Keras: 1e-3). */
  readonly epsilon?: number;
  /**
   * Share of the running averages that stays at every training step, as in Keras; 0.9, which
   * PyTorch calls `momentum=0.1`.
   */
  readonly momentum?: number;
}

/**
 * Batch normalization of maps [batch, height, width, channels], equal to PyTorch's BatchNorm2d:
 *
 *     y = scale · (x − mean) / √(variance + ε) + offset
 *
 * In training, mean and (biased) variance are those of the batch, and the running averages move
 * towards the batch mean and the *unbiased* batch variance, n / (n − 1) times the biased one,
 * n = batch · height · width. Otherwise mean and variance are the running averages, and nothing
 * changes.
 *
 * Weights: `scale`, `offset`, and `mean`, `variance`, which do not train; all [channels].
 * Source: Ioffe and Szegedy, "Batch normalization", ICML 2015.
 */
export function batchNorm({
  channels,
  epsilon = 1e-5,
  momentum = 0.9,
}: BatchNormOptions): LayerFactory {
  ensure(
    Number.isInteger(channels) && channels >= 1,
    'batchNorm',
    'channels as a whole number ≥ 1',
    channels,
  );
  ensure(epsilon > 0, 'batchNorm', 'epsilon > 0', epsilon, '1e-5 is usual');
  ensure(
    momentum >= 0 && momentum <= 1,
    'batchNorm',
    '0 ≤ momentum ≤ 1',
    momentum,
    "0.9 is usual, and is PyTorch's 0.1",
  );
  return (name) => {
    const scale = ownedVariable<Tensor1D['rankType']>(ones([channels]), true);
    const offset = ownedVariable<Tensor1D['rankType']>(zeros([channels]), true);
    const mean = ownedVariable<Tensor1D['rankType']>(zeros([channels]), false);
    const variance = ownedVariable<Tensor1D['rankType']>(ones([channels]), false);

    function normalizeAndUpdate(maps: Tensor4D): Tensor4D {
      const [batch, height, width] = maps.shape;
      const n = batch * height * width;
      ensure(
        n > 1,
        name,
        'more than one value a channel in training',
        n,
        'train with a larger batch, or pass training: false',
      );
      const {
        output,
        mean: batchMean,
        variance: batchVariance,
      } = normalizeBatch(maps, scale, offset, epsilon);
      updateAverage(mean, batchMean, 1, momentum);
      updateAverage(variance, batchVariance, n / (n - 1), momentum);
      return output;
    }

    return {
      name,
      stride: 1,
      weights: {
        [`${name}.scale`]: scale,
        [`${name}.offset`]: offset,
        [`${name}.mean`]: mean,
        [`${name}.variance`]: variance,
      },
      inferenceOps: [{ kind: 'batchNorm', name, scale, offset, mean, variance, epsilon }],
      apply(x, { training, onLayer }: ForwardOptions) {
        const maps = assertMaps(name, x, channels);
        onLayer?.({
          name,
          kind: 'batch norm',
          outputShape: x.shape.slice(1),
          parameters: 2 * channels,
          macs: 0,
        });
        return tidy(() =>
          training
            ? normalizeAndUpdate(maps)
            : normalizeByAverages(maps, mean, variance, offset, scale, epsilon),
        );
      },
    };
  };
}

/** running ← momentum · running + (1 − momentum) · factor · batch */
function updateAverage(running: Variable, batch: Tensor1D, factor: number, momentum: number): void {
  running.assign(add(mul(running, momentum), mul(batch, (1 - momentum) * factor)));
}

import { ensure } from '@kd/core';
import { add, matMul, type Rank, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import { drawnVariable, type Initializer, torchDefaultUniform } from './initial.ts';
import { expectVectors, type LayerFactory } from './layer.ts';

export interface DenseOptions {
  /** Channels in. */
  readonly from: number;
  /** Channels out. */
  readonly to: number;
  /** true. */
  readonly bias?: boolean;
  /** `torchDefaultUniform`. */
  readonly initial?: Initializer;
}

/**
 * Linear map of vectors: [batch, from] → [batch, to]. Weights: `kernel` [from, to] and, unless
 * refused, `bias` [to].
 */
export function dense({
  from,
  to,
  bias: withBias = true,
  initial = torchDefaultUniform,
}: DenseOptions): LayerFactory {
  ensure(
    from >= 1 && to >= 1 && Number.isInteger(from) && Number.isInteger(to),
    'dense',
    'from and to as whole numbers ≥ 1',
    [from, to],
  );
  return (name, seed) => {
    const fans = { fanIn: from, fanOut: to };
    const kernel = drawnVariable<Rank.R2>(`${name}.kernel`, [from, to], fans, initial, seed);
    const bias = withBias
      ? drawnVariable<Rank.R1>(`${name}.bias`, [to], fans, initial, seed)
      : undefined;
    return {
      name,
      channels: to,
      stride: 1,
      weights: { [`${name}.kernel`]: kernel, ...(bias && { [`${name}.bias`]: bias }) },
      apply(x, { onLayer: observe }) {
        const vectors = expectVectors(name, x, from);
        observe?.({
          name,
          kind: 'dense',
          outputShape: [to],
          parameters: kernel.size + (bias?.size ?? 0),
          macs: from * to,
        });
        return tidy(() => {
          const product = matMul(vectors, kernel);
          return bias === undefined ? product : add<Tensor2D>(product, bias);
        });
      },
    };
  };
}

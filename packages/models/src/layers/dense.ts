import { ensure } from '@kd/core';
import { add, matMul, type Rank, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import { type Initializer, initializedVariable, torchDefaultUniform } from './initializers.ts';
import { assertVectors, graphTensor, type LayerFactory, zeroBias } from './layer.ts';

export interface DenseOptions {
  /** Input channels. */
  readonly from: number;
  /** Output channels. */
  readonly to: number;
  /** true. */
  readonly bias?: boolean;
  /** `torchDefaultUniform`. */
  readonly initializer?: Initializer;
}

/**
 * Linear map of vectors: [batch, from] → [batch, to]. Weights: `kernel` [from, to] and, unless
 * `bias: false`, `bias` [to].
 */
export function dense({
  from,
  to,
  bias: hasBias = true,
  initializer = torchDefaultUniform,
}: DenseOptions): LayerFactory {
  ensure(
    from >= 1 && to >= 1 && Number.isInteger(from) && Number.isInteger(to),
    'dense',
    'from and to as whole numbers ≥ 1',
    [from, to],
  );
  return (name, seed) => {
    const fans = { fanIn: from, fanOut: to };
    const kernel = initializedVariable<Rank.R2>(
      `${name}.kernel`,
      [from, to],
      fans,
      initializer,
      seed,
    );
    const bias = hasBias
      ? initializedVariable<Rank.R1>(`${name}.bias`, [to], fans, initializer, seed)
      : undefined;
    return {
      name,
      channels: to,
      stride: 1,
      weights: { [`${name}.kernel`]: kernel, ...(bias && { [`${name}.bias`]: bias }) },
      computes: () => [
        {
          kind: 'dense',
          kernel: graphTensor(kernel),
          bias: bias === undefined ? zeroBias(to) : graphTensor(bias),
          activation: 'linear',
        },
      ],
      apply(x, { onLayer }) {
        const vectors = assertVectors(name, x, from);
        onLayer?.({
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

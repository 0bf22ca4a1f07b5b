import { watchVariables } from '@kd/core';
import { add, fused, mul, type Rank, rsqrt, sub, type Tensor1D, type Tensor4D, tidy, type Variable, zeros } from '@tensorflow/tfjs-core';
import { ownedVariable } from '../layers/initial.ts';
import type { ConvolutionPart, NormalisePart } from '../layers/parts.ts';
import { type Piece, plainPiece } from './piece.ts';

/** What follows the sum of products and bias in the same kernel. */
export type Activation = 'linear' | 'relu';

/** A convolution without batch norm, with bias and ReLU in one kernel. Its variables are the network's own. */
export function convolutionPiece({ kernel, bias, stride, padding }: ConvolutionPart, activation: Activation): Piece {
  return plainPiece((x) =>
    fused.conv2d({ x: x as Tensor4D, filter: kernel, strides: stride, pad: padding, activation, ...(bias !== undefined && { bias }) }),
  );
}

/**
 * A convolution and the batch norm behind it as one convolution with bias:
 *
 *     gain = scale / √(variance + ε)    filter = kernel · gain    bias = offset + (bias − mean) · gain
 *
 * Filter and bias are variables of its own, [size, size, from, to] and [to].
 * Source: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference", CVPR 2018, section 3.2.
 */
export function normalisedConvolutionPiece(convolution: ConvolutionPart, norm: NormalisePart, activation: Activation): Piece {
  const { kernel, bias: ownBias } = convolution;
  const sources: readonly Variable[] = [kernel, norm.scale, norm.offset, norm.mean, norm.variance, ...(ownBias === undefined ? [] : [ownBias])];
  const filter = ownedVariable<Rank.R4>(zeros(kernel.shape), false);
  const bias = ownedVariable<Rank.R1>(zeros(norm.offset.shape), false);
  const { run } = convolutionPiece({ ...convolution, kernel: filter, bias }, activation);
  let hasMoved = () => true;
  return {
    run,
    refresh() {
      if (!hasMoved()) return;
      tidy(() => {
        const gain = mul<Tensor1D>(norm.scale, rsqrt(add(norm.variance, norm.epsilon)));
        const shift = ownBias === undefined ? norm.mean : sub<Tensor1D>(norm.mean, ownBias);
        filter.assign(mul(kernel, gain));
        bias.assign(sub(norm.offset, mul(shift, gain)));
      });
      hasMoved = watchVariables(sources);
    },
    dispose() {
      filter.dispose();
      bias.dispose();
    },
  };
}

import { trackVariableVersions } from '@kd/core';
import {
  add,
  fill,
  mul,
  type Rank,
  reshape,
  rsqrt,
  sub,
  type Tensor1D,
  type Tensor4D,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';
import { ownedVariable } from '../layers/initial.ts';
import type {
  Activation,
  ConvolutionPart,
  ConvolutionWeights,
  Convolve,
  NormalizePart,
} from '../layers/parts.ts';
import { type Piece, plainPiece } from './piece.ts';

/**
 * A convolution without batch norm, with bias and activation in one kernel. Its weights are
 * somebody else's.
 */
export function convolutionPiece(
  convolve: Convolve,
  weights: ConvolutionWeights,
  activation: Activation,
): Piece {
  return plainPiece((x) => convolve(x as Tensor4D, weights, activation));
}

/**
 * How a convolution and the batch norm behind it become one step: `normalizedConvolutionPiece`, or
 * `liveConvolutionPiece`.
 */
export type JoinNorm = (
  convolution: ConvolutionPart,
  norm: NormalizePart,
  activation: Activation,
) => Piece;

/**
 * A convolution and the batch norm behind it as one convolution with bias, which are variables of
 * its own.
 */
export const normalizedConvolutionPiece: JoinNorm = (convolution, norm, activation) => {
  const { kernel, bias: ownBias } = convolution;
  const sources: readonly Variable[] = [
    kernel,
    norm.scale,
    norm.offset,
    norm.mean,
    norm.variance,
    ...(ownBias === undefined ? [] : [ownBias]),
  ];
  const filter = ownedVariable<Rank.R4>(fill(kernel.shape, 0), false);
  const bias = ownedVariable<Rank.R1>(fill(norm.offset.shape, 0), false);
  const { run } = convolutionPiece(convolution.convolve, { kernel: filter, bias }, activation);
  let hasMoved = () => true;
  return {
    run,
    refresh() {
      if (!hasMoved()) return;
      tidy(() => {
        const joined = joinedWeights(convolution, norm);
        filter.assign(joined.kernel);
        bias.assign(joined.bias);
      });
      hasMoved = trackVariableVersions(sources);
    },
    dispose() {
      filter.dispose();
      bias.dispose();
    },
  };
};

/**
 * The same, joined anew at every run: it keeps nothing and needs no `refresh`, so that it cannot be
 * behind its weights. That costs one product a kernel's number where the
 * convolution costs one for every pixel and picture.
 */
export const liveConvolutionPiece: JoinNorm = (convolution, norm, activation) =>
  plainPiece((x) =>
    tidy(() =>
      convolutionPiece(convolution.convolve, joinedWeights(convolution, norm), activation).run(x),
    ),
  );

/**
 *     gain = scale / √(variance + ε)    kernel ← kernel · gain    bias ← offset + (bias − mean) ·
 *     gain
 *
 * Source: Jacob et al., "Quantization and training of neural networks for efficient
 * integer-arithmetic-only inference", CVPR 2018, section 3.2.
 */
export function joinedWeights(
  { kernel, bias }: ConvolutionPart,
  norm: NormalizePart,
): Required<ConvolutionWeights> {
  const gain = mul<Tensor1D>(norm.scale, rsqrt(add(norm.variance, norm.epsilon)));
  const shift = bias === undefined ? norm.mean : sub<Tensor1D>(norm.mean, bias);
  return {
    kernel: mul(kernel, reshape(gain, [-1, kernel.shape[3]])),
    bias: sub(norm.offset, mul(shift, gain)),
  };
}

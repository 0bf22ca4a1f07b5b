import { trackVariableVersions } from '@kd/core';
import {
  add,
  fill,
  mul,
  type Rank,
  reshape,
  rsqrt,
  sub,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';
import { ownedVariable } from '../layers/initializers.ts';
import type {
  Activation,
  BatchNormOp,
  ConvolutionOp,
  ConvolutionWeights,
  Convolve,
} from '../layers/layer.ts';

/** One step of a network at inference: one operation, or several fused ones. */
export interface InferenceStep {
  /** @returns A new tensor; x is unchanged. */
  run(x: Tensor): Tensor;
  /** Recomputes fused weights if the network's have changed since the last call. */
  refresh(): void;
  /** Frees the step's own variables. */
  dispose(): void;
}

/** A step without variables of its own: it reads the network's variables when it runs. */
export function statelessStep(run: InferenceStep['run']): InferenceStep {
  return { run, refresh: doNothing, dispose: doNothing };
}

function doNothing(): void {}

/**
 * A convolution without batch norm, with bias and activation in one kernel. The weights belong to
 * the caller.
 */
export function convolutionStep(
  convolve: Convolve,
  weights: ConvolutionWeights,
  activation: Activation,
): InferenceStep {
  return statelessStep((x) => convolve(x as Tensor4D, weights, activation));
}

/**
 * Folds a convolution and the batch norm behind it into one step: `cachedFold` or `liveFold`, or
 * the one of `fuseBatchNorm`, which replaces the weights themselves.
 */
export type FoldBatchNorm = (
  convolution: ConvolutionOp,
  norm: BatchNormOp,
  activation: Activation,
) => InferenceStep;

/**
 * One convolution with bias, whose weights are variables of the step and are computed by `refresh`.
 */
export const cachedFold: FoldBatchNorm = (convolution, norm, activation) => {
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
  const { run } = convolutionStep(convolution.convolve, { kernel: filter, bias }, activation);
  let haveChanged = () => true;
  return {
    run,
    refresh() {
      if (!haveChanged()) return;
      tidy(() => {
        const folded = foldedWeights(convolution, norm);
        filter.assign(folded.kernel);
        bias.assign(folded.bias);
      });
      haveChanged = trackVariableVersions(sources);
    },
    dispose() {
      filter.dispose();
      bias.dispose();
    },
  };
};

/**
 * The same, folded anew at every run: nothing is stored and no `refresh` is needed, so the step can
 * never be out of date. It costs one product per value of the kernel, while the convolution costs
 * one per value, pixel and image.
 */
export const liveFold: FoldBatchNorm = (convolution, norm, activation) =>
  statelessStep((x) =>
    tidy(() =>
      convolutionStep(convolution.convolve, foldedWeights(convolution, norm), activation).run(x),
    ),
  );

/**
 * The weights of a convolution that also does the work of the batch norm behind it:
 *
 *     gain = scale / √(variance + ε)
 *     kernel ← kernel · gain
 *     bias ← offset + (bias − mean) · gain
 *
 * Source: Jacob et al., "Quantization and training of neural networks for efficient
 * integer-arithmetic-only inference", CVPR 2018, section 3.2.
 */
export function foldedWeights(
  { kernel, bias }: ConvolutionOp,
  norm: BatchNormOp,
): Required<ConvolutionWeights> {
  const gain = mul<Tensor1D>(norm.scale, rsqrt(add(norm.variance, norm.epsilon)));
  const shift = bias === undefined ? norm.mean : sub<Tensor1D>(norm.mean, bias);
  return {
    kernel: mul(kernel, reshape(gain, [-1, kernel.shape[3]])),
    bias: sub(norm.offset, mul(shift, gain)),
  };
}

import { ensure, type Network } from '@kd/core';
import { keep, tidy, type Variable } from '@tensorflow/tfjs-core';
import type { WithGraphSource } from '../layers/graphSource.ts';
import { ownedVariable } from '../layers/initializers.ts';
import type { ConvolutionOp, ConvolutionWeights } from '../layers/layer.ts';
import { asLayered } from '../layers/networkDefinition.ts';
import { convolutionStep, type FoldBatchNorm, foldedWeights } from './convolutionStep.ts';
import { inferenceNetwork } from './inferenceNetwork.ts';

/**
 * Makes a network for inference alone: its batch norm becomes part of its convolutions. For a
 * teacher that is only evaluated, and for a student that is deployed. `evaluate` and
 * `networkTeacher` of @kd/trainer fuse a network too, but keep its own weights beside the fused
 * ones; here those are freed, each as soon as its successor exists, so that the memory of one set
 * of weights is enough.
 *
 * The weights keep their names: `conv1.kernel`, and `conv1.bias`, which takes up the rest of the
 * batch norm; those of the batch norm go.
 * @param network A network of `createNetwork`. It is taken over and must not be used afterwards.
 * @returns A network with the same outputs at `training: false`, within rounding, features
 * included. Its `forward` throws a RangeError at `training: true`.
 * @throws RangeError on a network whose layers are not known, or that does not own its weights (the
 * head of `splitBackbone`).
 */
export function fuseBatchNorm(network: Network): Network {
  const layered = asLayered('fuseBatchNorm', network);
  const { name, layers, prepare, input, preprocessing, taps } = layered.definition;
  ensure(
    layered.ownsWeights,
    'fuseBatchNorm',
    'a whole network',
    name,
    'fuse the network that it is part of',
  );
  layered.disposeInference();
  const weights: Record<string, Variable> = { ...network.weights };
  const names = new Map(Object.entries(weights).map(([path, weight]) => [weight, path]));
  const free = (old: Variable): void => {
    delete weights[names.get(old) as string];
    old.dispose();
  };
  const foldedConvolutions = new Map<ConvolutionOp, Required<ConvolutionWeights>>();
  const fold: FoldBatchNorm = (convolution, norm, activation) => {
    const path = (names.get(convolution.kernel) as string).replace(/[^.]*$/, '');
    const folded = tidy(() => {
      const { kernel, bias } = foldedWeights(convolution, norm);
      return { kernel: keep(kernel), bias: keep(bias) };
    });
    for (const old of [
      convolution.kernel,
      convolution.bias,
      norm.scale,
      norm.offset,
      norm.mean,
      norm.variance,
    ])
      if (old !== undefined) free(old);
    const kernel = ownedVariable(folded.kernel, false);
    const bias = ownedVariable(folded.bias, false);
    weights[`${path}kernel`] = kernel;
    weights[`${path}bias`] = bias;
    foldedConvolutions.set(convolution, { kernel, bias });
    return convolutionStep(convolution.convolve, { kernel, bias }, activation);
  };
  const { forward } = inferenceNetwork(layers, prepare, new Set(Object.keys(taps)), fold);
  const { head } = network;
  const fused: Network & WithGraphSource = {
    name,
    graphSource: {
      kind: 'layers',
      layers,
      input,
      taps: Object.keys(taps),
      folded: foldedConvolutions,
    },
    preprocessing,
    featureInfo: taps,
    ...(head !== undefined && { head }),
    weights,
    forward(images, { training }) {
      ensure(!training, name, 'training: false', training, 'fuse after the last training');
      return forward(images);
    },
    dispose() {
      for (const weight of Object.values(weights)) weight.dispose();
    },
  };
  return fused;
}

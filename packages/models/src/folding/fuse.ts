import { ensure, type Network } from '@kd/core';
import { keep, tidy, type Variable } from '@tensorflow/tfjs-core';
import { asLayered } from '../layered.ts';
import { ownedVariable } from '../layers/initial.ts';
import { convolutionPiece, type JoinNorm, joinedWeights } from './convolutionPiece.ts';
import { foldNetwork } from './foldedNetwork.ts';

/**
 * Makes a network one for inference alone: its batch norm goes into its convolutions, for a teacher
 * that is only asked and for a student that is handed on.
 * `evaluate` and `networkTeacher` of @kd/trainer fold a network too, but keep its own weights
 * beside the folded ones; here those are freed, each as soon as its successor is
 * there, so that the memory of one set is enough.
 *
 * The weights keep their names: `conv1.kernel`, and `conv1.bias` for what the batch norm leaves;
 * those of the batch norm go.
 * @param network One of `createNetwork`. It is taken over: nothing may be asked of it afterwards.
 * @returns What the network says with `training: false`, within rounding, features too. It throws a
 * RangeError when it is asked with `training: true`.
 * @throws RangeError on a network that does not know its layers, or whose weights are another's
 * (the head of a `splitBackbone`).
 */
export function fuseBatchNorm(network: Network): Network {
  const layered = asLayered('fuse', network);
  const { name, layers, prepare, preparation, taps } = layered.anatomy;
  ensure(
    layered.owns,
    'fuseBatchNorm',
    'a whole network',
    name,
    'fuse the network that it is part of',
  );
  layered.unfold();
  const weights: Record<string, Variable> = { ...network.weights };
  const names = new Map(Object.entries(weights).map(([path, weight]) => [weight, path]));
  const free = (old: Variable): void => {
    delete weights[names.get(old) as string];
    old.dispose();
  };
  const join: JoinNorm = (convolution, norm, activation) => {
    const path = (names.get(convolution.kernel) as string).replace(/[^.]*$/, '');
    const joined = tidy(() => {
      const { kernel, bias } = joinedWeights(convolution, norm);
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
    const kernel = ownedVariable(joined.kernel, false);
    const bias = ownedVariable(joined.bias, false);
    weights[`${path}kernel`] = kernel;
    weights[`${path}bias`] = bias;
    return convolutionPiece(convolution.convolve, { kernel, bias }, activation);
  };
  const { forward } = foldNetwork(layers, prepare, new Set(Object.keys(taps)), join);
  const { head } = network;
  return {
    name,
    preprocessing: preparation,
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
}

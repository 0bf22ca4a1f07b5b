import type { ForwardOptions } from '@kd/core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { liveConvolutionPiece } from '../folding/convolutionPiece.ts';
import { foldNetwork } from '../folding/foldedNetwork.ts';
import { type Activations, applyTapped, type Layer } from '../layers/layer.ts';
import { noGrad } from './outsideTape.ts';

/** Runs the first layers of a network as a frozen part runs in training. */
export type FrozenPart = (depth: number, images: Tensor4D, mode: ForwardOptions) => Activations;

/**
 * The frozen part of a network: at inference, folded, outside the tape. While layers are observed
 * it is not folded, so that they can tell.
 * @param prepare What the network does to its images first. @param taps Names of layers whose
 * outputs become `features`.
 */
export function frozenPart(
  layers: readonly Layer[],
  prepare: (images: Tensor4D) => Tensor,
  taps: ReadonlySet<string>,
): FrozenPart {
  const folded = new Map<number, (images: Tensor4D) => Activations>();
  function foldedTo(depth: number): (images: Tensor4D) => Activations {
    const made = folded.get(depth) ?? foldBody(layers.slice(0, depth), prepare, taps);
    folded.set(depth, made);
    return made;
  }
  return (depth, images, mode) =>
    noGrad(() =>
      mode.onLayer === undefined
        ? foldedTo(depth)(images)
        : applyTapped(layers.slice(0, depth), prepare(images), taps, { ...mode, training: false }),
    );
}

/** Layers at inference, folded as they run: nothing to refresh and nothing to free. */
export function foldBody(
  layers: readonly Layer[],
  prepare: (images: Tensor4D) => Tensor,
  taps: ReadonlySet<string>,
): (images: Tensor4D) => Activations {
  const { forward } = foldNetwork(layers, prepare, taps, liveConvolutionPiece);
  return (images) => {
    const { logits: activations, features } = forward(images);
    return { activations, features };
  };
}

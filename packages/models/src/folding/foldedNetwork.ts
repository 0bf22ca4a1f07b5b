import type { InferenceNetwork, Outputs } from '@kd/core';
import { type Tensor, type Tensor2D, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { Layer } from '../layers/layer.ts';
import { partsOf } from '../layers/parts.ts';
import { type JoinNorm, normalizedConvolutionPiece } from './convolutionPiece.ts';
import { fold, inOrder } from './fold.ts';
import type { Piece } from './piece.ts';

/** A folded network that can be freed. */
export interface OwnedFoldedNetwork extends InferenceNetwork {
  dispose(): void;
}

/**
 * Layers up to a tap, that included, or after the last: nothing is folded across a tap, whose
 * activations are looked at.
 */
interface Section {
  readonly piece: Piece;
  readonly tap?: string;
}

/**
 * The layers for inference alone, folded and fresh.
 * @param prepare What a network does to its images first. @param taps Names of layers whose outputs
 * become `features`.
 */
export function foldNetwork(
  layers: readonly Layer[],
  prepare: (images: Tensor4D) => Tensor,
  taps: ReadonlySet<string>,
  join: JoinNorm = normalizedConvolutionPiece,
): OwnedFoldedNetwork {
  const sections = sectionsOf(layers, taps, join);
  const whole = inOrder(sections.map(({ piece }) => piece));
  whole.refresh();
  return {
    refresh: whole.refresh,
    dispose: whole.dispose,
    forward(images): Outputs {
      return tidy(() => {
        const features: Record<string, Tensor> = {};
        let activations: Tensor = prepare(images);
        for (const { piece, tap } of sections) {
          activations = piece.run(activations);
          if (tap !== undefined) features[tap] = activations;
        }
        return { logits: activations as Tensor2D, features };
      });
    },
  };
}

function sectionsOf(
  layers: readonly Layer[],
  taps: ReadonlySet<string>,
  join: JoinNorm,
): Section[] {
  const ends = layers.flatMap(({ name }, at) =>
    taps.has(name) || at === layers.length - 1 ? [at + 1] : [],
  );
  return ends.map((end, at) => {
    const within = layers.slice(at === 0 ? 0 : ends[at - 1], end);
    const { name } = within[within.length - 1] as Layer;
    return { piece: inOrder(fold(partsOf(within), join)), ...(taps.has(name) && { tap: name }) };
  });
}

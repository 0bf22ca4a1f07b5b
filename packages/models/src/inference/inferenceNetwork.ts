import type { ForwardOptions, InferenceNetwork, Outputs } from '@kd/core';
import { engine, type Tensor, type Tensor2D, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { type Activations, applyTapped, inferenceOpsOf, type Layer } from '../layers/layer.ts';
import { cachedFold, type FoldBatchNorm, type InferenceStep, liveFold } from './convolutionStep.ts';
import { fuseOps, sequence } from './fuseOps.ts';

// Layers run at inference in two ways, and which one is no matter of taste:
// - one by one (`applyTapped`), for `forward(images, { training: false })`: its gradient reaches
//   every layer, every layer reports itself to `onLayer`, and its numbers are those of training
//   with the running averages in place of the batch's.
// - fused (`inferenceNetwork`, below), for everything else: `inference()`, `fuseBatchNorm`,
//   `Backbone.forward` and the frozen first layers of a training step. Numbers agree with the first
//   way within rounding. They differ only in where the folded weights are stored: `FoldBatchNorm`.

/** An inference network that can be freed. */
export interface OwnedInferenceNetwork extends InferenceNetwork {
  dispose(): void;
}

/**
 * Layers up to and including a tap, or after the last one. Nothing is fused across a tap, whose
 * activations are part of the outputs.
 */
interface Section {
  readonly step: InferenceStep;
  readonly tap?: string;
}

/**
 * Fuses layers for inference; the folded weights are up to date when it returns.
 * @param prepare Preprocesses the images.
 * @param taps Names of layers whose outputs become `features`.
 */
export function inferenceNetwork(
  layers: readonly Layer[],
  prepare: (images: Tensor4D) => Tensor,
  taps: ReadonlySet<string>,
  fold: FoldBatchNorm = cachedFold,
): OwnedInferenceNetwork {
  const sections = splitAtTaps(layers, taps, fold);
  const whole = sequence(sections.map(({ step }) => step));
  whole.refresh();
  return {
    refresh: whole.refresh,
    dispose: whole.dispose,
    forward(images): Outputs {
      return tidy(() => {
        const features: Record<string, Tensor> = {};
        let activations: Tensor = prepare(images);
        for (const { step, tap } of sections) {
          activations = step.run(activations);
          if (tap !== undefined) features[tap] = activations;
        }
        return { logits: activations as Tensor2D, features };
      });
    },
  };
}

function splitAtTaps(
  layers: readonly Layer[],
  taps: ReadonlySet<string>,
  fold: FoldBatchNorm,
): Section[] {
  const ends = layers.flatMap(({ name }, at) =>
    taps.has(name) || at === layers.length - 1 ? [at + 1] : [],
  );
  return ends.map((end, at) => {
    const section = layers.slice(at === 0 ? 0 : ends[at - 1], end);
    const { name } = section[section.length - 1] as Layer;
    return {
      step: sequence(fuseOps(inferenceOpsOf(section), fold)),
      ...(taps.has(name) && { tap: name }),
    };
  });
}

/** The first layers of a network at inference, folded at every run: nothing to refresh or free. */
export function inferenceBackbone(
  layers: readonly Layer[],
  prepare: (images: Tensor4D) => Tensor,
  taps: ReadonlySet<string>,
): (images: Tensor4D) => Activations {
  const { forward } = inferenceNetwork(layers, prepare, taps, liveFold);
  return (images) => {
    const { logits: activations, features } = forward(images);
    return { activations, features };
  };
}

/** Runs the first `count` layers of a network as frozen layers run in training. */
export type RunFrozen = (count: number, images: Tensor4D, mode: ForwardOptions) => Activations;

/**
 * The frozen first layers of a network in training: fused, and outside the gradient tape. With
 * `onLayer` they run one by one, so that each can report itself.
 * @param prepare Preprocesses the images.
 * @param taps Names of layers whose outputs become `features`.
 */
export function frozenLayers(
  layers: readonly Layer[],
  prepare: (images: Tensor4D) => Tensor,
  taps: ReadonlySet<string>,
): RunFrozen {
  const backbones = new Map<number, (images: Tensor4D) => Activations>();
  function backboneOf(count: number): (images: Tensor4D) => Activations {
    const backbone =
      backbones.get(count) ?? inferenceBackbone(layers.slice(0, count), prepare, taps);
    backbones.set(count, backbone);
    return backbone;
  }
  return (count, images, mode) =>
    noGrad(() =>
      mode.onLayer === undefined
        ? backboneOf(count)(images)
        : applyTapped(layers.slice(0, count), prepare(images), taps, { ...mode, training: false }),
    );
}

/**
 * Runs a function outside the gradient tape: no activation is kept for the backward pass, and no
 * gradient flows through.
 *
 * `customGrad` would not do: its function counts as part of a gradient, where TF.js takes kernels
 * that fuse a convolution and its ReLU apart.
 */
function noGrad<Result>(run: () => Result): Result {
  const { state } = engine();
  const depth = state.gradientDepth;
  state.gradientDepth = 0;
  try {
    return run();
  } finally {
    state.gradientDepth = depth;
  }
}

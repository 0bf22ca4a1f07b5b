import type { InferenceNetwork, Network } from '@kd/core';

/**
 * What a network computes with running averages, to be compiled: its folded form where it has one.
 * Nothing is folded before the first `refresh`, which comes before every use.
 */
export function inferenceOf(network: Network): InferenceNetwork {
  return {
    forward: (images) =>
      network.inference?.().forward(images) ?? network.forward(images, { training: false }),
    refresh: () => network.inference?.().refresh(),
  };
}

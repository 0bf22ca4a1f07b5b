import { ensure, type LayerSummary, type Network } from '@kd/core';
import { tidy, zeros } from '@tensorflow/tfjs-core';
import { countTrainable } from './layers/layer.ts';

/** What a network weighs and costs. */
export interface NetworkProfile {
  /** Numbers that training can move; running averages of batch norm are not among them. */
  readonly parameters: number;
  /** All weights as float32, running averages included. */
  readonly bytes: number;
  /** For one image, of convolutions and matrix products; NaN where the network does not tell. */
  readonly macs: number;
  /** 2 × multiplyAdds. */
  readonly flops: number;
}

/**
 * Counts by one forward pass of one black image, in which the layers report themselves. A network
 * of yours that calls `mode.observe` for its layers is
 * counted alike; where it reports none, parameters are its trainable variables, and multiply-adds
 * are unknown: NaN.
 * @param imageShape [height, width, channels].
 */
export function profile(
  network: Network,
  imageShape: readonly [number, number, number],
): NetworkProfile {
  return total(network, observeLayers(network, imageShape));
}

/**
 * What the layers say of themselves, in the order in which they run; the network is not changed.
 */
export function observeLayers(
  network: Network,
  imageShape: readonly [number, number, number],
): LayerSummary[] {
  ensure(
    imageShape.length === 3 && imageShape.every((side) => Number.isInteger(side) && side >= 1),
    'summary',
    'imageShape [height, width, channels]',
    imageShape,
  );
  const reports: LayerSummary[] = [];
  tidy(() => {
    const { logits } = network.forward(zeros([1, ...imageShape]), {
      training: false,
      onLayer: (layer) => reports.push(layer),
    });
    return logits.shape;
  });
  return reports;
}

/** The reports added up. */
export function total(network: Network, reports: readonly LayerSummary[]): NetworkProfile {
  const told = reports.length > 0;
  const parameters = told
    ? reports.reduce((sum, layer) => sum + layer.parameters, 0)
    : countTrainable(network.weights);
  const multiplyAdds = told ? reports.reduce((sum, layer) => sum + layer.macs, 0) : Number.NaN;
  const bytes = Object.values(network.weights).reduce((sum, weight) => sum + 4 * weight.size, 0);
  return { parameters, bytes, macs: multiplyAdds, flops: 2 * multiplyAdds };
}

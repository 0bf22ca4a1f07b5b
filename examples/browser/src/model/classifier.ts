import type { Network } from '@kd/core';
import { loadWeights } from '@kd/models';
import { type Tensor4D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { buildNetwork } from './architectures.ts';
import type { NetworkEntry } from './manifest.ts';

/** What of a network's weights is loaded. */
export interface LoadNetworkOptions {
  /** Number of classes of the network. */
  readonly classes: number;
  /** `skip`: the layer of the logits keeps its first values, for other classes. */
  readonly head?: 'load' | 'skip';
}

/**
 * Builds a network and loads its weights.
 * @param bytes A safetensors file. @throws RangeError if it is not this network's.
 */
export async function loadNetwork(
  { architecture, options, file }: NetworkEntry,
  bytes: Uint8Array,
  { classes, head = 'load' }: LoadNetworkOptions,
): Promise<Network> {
  const network = buildNetwork(architecture, options, { classes, seed: 0 });
  try {
    await loadWeights(network, bytes, { fileName: file, head });
    return network;
  } catch (error) {
    network.dispose();
    throw error;
  }
}

/**
 * Computes the logits of one image.
 * @param pixels uint8 [height, width, 3] flattened.
 * @returns [classes].
 */
export async function computeLogits(
  network: Network,
  pixels: Uint8Array,
  imageShape: readonly [number, number, number],
): Promise<Float32Array> {
  const { forward, refresh } = network.inference?.() ?? inferenceOf(network);
  refresh();
  const logits = tidy(() => forward(toImages(pixels, imageShape)).logits);
  try {
    return (await logits.data()) as Float32Array;
  } finally {
    logits.dispose();
  }
}

function inferenceOf(network: Network) {
  return {
    forward: (images: Tensor4D) => network.forward(images, { training: false }),
    refresh: () => {},
  };
}

function toImages(
  pixels: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
): Tensor4D {
  const values = Float32Array.from(pixels, (pixel) => pixel / 255);
  return tensor4d(values, [1, height, width, channels]);
}

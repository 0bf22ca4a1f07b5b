import type { Network, StateDictKeyMap } from '@kd/core';
import { encodeTorchWeights } from '@kd/files';

export interface SaveWeightsOptions {
  /**
   * Names of the layers in the file; by default the first of `network.keyMaps`, or our own names if
   * there is none.
   */
  readonly keyMap?: StateDictKeyMap;
}

/**
 * Encodes a network's weights as a safetensors file that PyTorch loads into the same module,
 * `module.load_state_dict(safetensors.torch.load_file(path))`: with PyTorch's names and order of
 * axes, F32, and a counter `num_batches_tracked` of 0 (I64) for every batch norm, without which a
 * strict load fails. `loadWeights` reads it too.
 * @returns The bytes of the file; `saveWeights` of @kd/models/node writes them to a path.
 * @throws RangeError on a weight that is not finite, and on two weights with one name.
 */
export async function saveWeights(
  network: Network,
  options: SaveWeightsOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const keyMap =
    options.keyMap ?? Object.values(network.keyMaps ?? {})[0] ?? ((layer: string) => layer);
  const weights = await Promise.all(
    Object.entries(network.weights).map(async ([name, weight]) => {
      const values = Float32Array.from(await weight.data());
      return [name, { shape: weight.shape, values }] as const;
    }),
  );
  const metadata = {
    network: network.name ?? 'network',
    preprocessing: network.preprocessing ?? '',
  };
  return encodeTorchWeights(Object.fromEntries(weights), keyMap, metadata, 'saveWeights');
}

import { ensure, expectedError, type Network, type StateDictKeyMap } from '@kd/core';
import { encodeSafetensors, type SafetensorsTensor } from '@kd/files';
import type { Variable } from '@tensorflow/tfjs-core';
import { findNonFinite, torchLayout } from './layout.ts';
import { joinKey } from './matchWeights.ts';

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
  const tensors: Record<string, SafetensorsTensor> = {};
  const add = (name: string, tensor: SafetensorsTensor) => {
    ensure(
      !Object.hasOwn(tensors, name),
      'saveWeights',
      'another name for every weight',
      `${name} twice`,
      'check keyMap',
    );
    tensors[name] = tensor;
  };
  for (const [ours, weight] of Object.entries(network.weights)) {
    const { layer, part, shape, toTorch } = torchLayout(ours, weight.shape);
    add(joinKey(keyMap(layer), part), {
      dtype: 'F32',
      shape,
      data: toTorch(await finiteValues(ours, weight)),
    });
    if (part === 'running_var')
      add(joinKey(keyMap(layer), 'num_batches_tracked'), {
        dtype: 'I64',
        shape: [],
        data: new BigInt64Array(1),
      });
  }
  return encodeSafetensors(tensors, {
    format: 'pt',
    network: network.name ?? 'network',
    preprocessing: network.preprocessing ?? '',
  });
}

async function finiteValues(name: string, weight: Variable): Promise<Float32Array<ArrayBuffer>> {
  const values = Float32Array.from(await weight.data());
  const wrong = findNonFinite(values);
  if (wrong !== undefined)
    throw expectedError(
      'saveWeights',
      `finite numbers in ${name}`,
      wrong,
      'weights that have diverged are of no use',
    );
  return values;
}

import { ensure, expectedError, type Network, type StateDictKeyMap } from '@kd/core';
import { encodeSafetensors, type SafetensorsTensor } from '@kd/files';
import type { Variable } from '@tensorflow/tfjs-core';
import { joined } from './fileNames.ts';
import { firstNotFinite } from './firstNotFinite.ts';
import { torchLayout } from './torchLayout.ts';

export interface TorchWeightsOptions {
  /**
   * What the layers are called in the file; the first of `network.names`, or else our own names.
   */
  readonly names?: StateDictKeyMap;
}

/**
 * A safetensors file that PyTorch loads into the same module,
 * `module.load_state_dict(safetensors.torch.load_file(path))`: PyTorch's names and order of axes,
 * F32, and a
 * counter `num_batches_tracked` of 0 (I64) for every batch norm, without which a strict load stops.
 * @throws RangeError on a weight that is not finite, and on names that are not different from one
 * another.
 */
export async function encodeTorchWeights(
  network: Network,
  { names }: TorchWeightsOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const scheme = names ?? Object.values(network.keyMaps ?? {})[0] ?? ((layer) => layer);
  const tensors: Record<string, SafetensorsTensor> = {};
  const put = (name: string, tensor: SafetensorsTensor) => {
    ensure(
      !Object.hasOwn(tensors, name),
      'encodeTorchWeights',
      'another name for every weight',
      `${name} twice`,
      'look into names',
    );
    tensors[name] = tensor;
  };
  for (const [ours, weight] of Object.entries(network.weights)) {
    const { layer, part, shape, toTheirs } = torchLayout(ours, weight.shape);
    put(joined(scheme(layer), part), {
      dtype: 'F32',
      shape,
      data: toTheirs(await finiteValues(ours, weight)),
    });
    if (part === 'running_var')
      put(joined(scheme(layer), 'num_batches_tracked'), {
        dtype: 'I64',
        shape: [],
        data: new BigInt64Array(1),
      });
  }
  return encodeSafetensors(tensors, {
    format: 'pt',
    network: network.name ?? 'network',
    preparation: network.preprocessing ?? '',
  });
}

async function finiteValues(name: string, weight: Variable): Promise<Float32Array<ArrayBuffer>> {
  const values = Float32Array.from(await weight.data());
  const wrong = firstNotFinite(values);
  if (wrong !== undefined)
    throw expectedError(
      'encodeTorchWeights',
      `finite numbers in ${name}`,
      wrong,
      'weights that have diverged are of no use',
    );
  return values;
}

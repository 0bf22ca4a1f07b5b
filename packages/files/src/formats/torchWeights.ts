import { ensure, expectedError, type StateDictKeyMap } from '@kd/core';
import { encodeSafetensors, type SafetensorsTensor } from './safetensors.ts';
import { torchLayout } from './torchLayout.ts';

/** A weight of ours by value. */
export interface WeightValues {
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

/**
 * Encodes weights as a safetensors file for a strict `load_state_dict` of PyTorch: with its names
 * and order of axes, F32, and a counter `num_batches_tracked` of 0 (I64) for every batch norm.
 * @param weights By our name.
 * @param keyMap PyTorch's name of a layer. @param metadata Texts of the file's header.
 * @throws RangeError on a weight that is not finite, and on two weights with one name.
 */
export function encodeTorchWeights(
  weights: Readonly<Record<string, WeightValues>>,
  keyMap: StateDictKeyMap,
  metadata: Readonly<Record<string, string>>,
  caller: string,
): Uint8Array<ArrayBuffer> {
  const tensors: Record<string, SafetensorsTensor> = {};
  const add = (name: string, tensor: SafetensorsTensor) => {
    const isNew = !Object.hasOwn(tensors, name);
    ensure(isNew, caller, 'another name for every weight', `${name} twice`, 'check keyMap');
    tensors[name] = tensor;
  };
  for (const [ours, { shape: ourShape, values }] of Object.entries(weights)) {
    expectFinite(ours, values, caller);
    const { layer, part, shape, toTorch } = torchLayout(ours, ourShape);
    add(joinKey(keyMap(layer), part), { dtype: 'F32', shape, data: toTorch(values) });
    if (part === 'running_var')
      add(joinKey(keyMap(layer), 'num_batches_tracked'), {
        dtype: 'I64',
        shape: [],
        data: new BigInt64Array(1),
      });
  }
  return encodeSafetensors(tensors, { format: 'pt', ...metadata });
}

function expectFinite(name: string, values: Float32Array, caller: string): void {
  const wrong = findNonFinite(values);
  if (wrong !== undefined)
    throw expectedError(
      caller,
      `finite numbers in ${name}`,
      wrong,
      'weights that have diverged are of no use',
    );
}

/** PyTorch's name of a weight: layer and part. */
export function joinKey(layer: string, part: string): string {
  return layer === '' ? part : `${layer}.${part}`;
}

/**
 * The first NaN or infinity; undefined if there is none. A plain loop, since it runs over a hundred
 * million values.
 */
export function findNonFinite(values: Float32Array): number | undefined {
  for (let at = 0; at < values.length; at++) if (!Number.isFinite(values[at])) return values[at];
  return undefined;
}

import { ensure, expectedError, type Network } from '@kd/core';
import type { SafetensorsTensor } from '@kd/files';
import { type DataType, tensor, tidy, type Variable } from '@tensorflow/tfjs-core';
import { seal, unseal } from './sealed.ts';

type Named<Value> = Readonly<Record<string, Value>>;

/**
 * Metadata `format` of a file with all the state of a training; its student's weights have
 * `student.` or `average.` in front.
 */
export const TRAINING_FORMAT = 'kd-training';
/** Metadata `format` of a file with the weights of one network. */
const WEIGHTS_FORMAT = 'kd-weights';

/**
 * A network's weights as a safetensors file, by their names.
 * @param metadata Kept in the file. @throws RangeError on a weight that is not finite.
 */
export async function saveVariables(
  network: Network,
  metadata: Named<string> = {},
): Promise<Uint8Array> {
  const tensors = await readWeights('saveVariables', network.weights);
  return seal(tensors, {
    ...metadata,
    format: WEIGHTS_FORMAT,
    network: network.name ?? 'network',
    preparation: network.preprocessing ?? '',
  });
}

/**
 * Puts the weights of a file into a network: of a weights file, of a checkpoint of a training (the
 * averaged weights where it has them), or any
 * safetensors file with the same names. Nothing changes unless all of it fits.
 * @param caller For messages: the file's name.
 * @throws RangeError that names the first weight that is missing, left over or of another shape; on
 * a file that was altered.
 */
export async function loadVariables(
  network: Network,
  bytes: Uint8Array,
  caller: string,
): Promise<void> {
  const { tensors, metadata } = await unseal(bytes, caller, false);
  if (metadata.format !== TRAINING_FORMAT) return assignWeights(caller, network.weights, tensors);
  const averaged = under('average.', tensors);
  const { updates: _, ...twins } = averaged;
  assignWeights(
    caller,
    network.weights,
    Object.keys(averaged).length > 0 ? twins : under('student.', tensors),
  );
}

/** Reads variables. @throws RangeError on one that is not finite: such weights are never saved. */
export async function readWeights(
  caller: string,
  weights: Named<Variable>,
  when = '',
): Promise<Record<string, SafetensorsTensor>> {
  const read = await Promise.all(
    Object.entries(weights).map(
      async ([name, weight]) => [name, await readWeight(caller, name, weight, when)] as const,
    ),
  );
  return Object.fromEntries(read);
}

async function readWeight(
  caller: string,
  name: string,
  weight: Variable,
  when: string,
): Promise<SafetensorsTensor> {
  const data = await weight.data();
  if (weight.dtype === 'float32') {
    const wrong = (data as Float32Array).find((value) => !Number.isFinite(value));
    if (wrong !== undefined) {
      throw expectedError(
        caller,
        'every weight to stay finite',
        `${wrong} in ${name}${when}`,
        'lower the learning rate or clip gradients (clipNorm: 1)',
      );
    }
  }
  return { dtype: fileType(weight.dtype), shape: weight.shape, data };
}

/** Checks every name, type and shape, then assigns all. */
export function assignWeights(
  caller: string,
  weights: Named<Variable>,
  tensors: Named<SafetensorsTensor>,
): void {
  const extra = Object.keys(tensors).find((name) => !Object.hasOwn(weights, name));
  for (const [name, weight] of Object.entries(weights)) {
    const found = tensors[name];
    const wanted = `${name} of shape [${weight.shape.join(', ')}]`;
    const remedy = 'it belongs to another network or training';
    if (found === undefined)
      throw expectedError(
        caller,
        wanted,
        extra === undefined ? 'nothing of that name' : `nothing of that name, but ${extra}`,
        remedy,
      );
    ensure(found.shape.join() === weight.shape.join(), caller, wanted, found.shape, remedy);
    ensure(
      found.dtype === fileType(weight.dtype),
      caller,
      `${name} in ${fileType(weight.dtype)}`,
      found.dtype,
      remedy,
    );
  }
  if (extra !== undefined)
    throw expectedError(
      caller,
      `only ${Object.keys(weights).length} known weights`,
      `${extra} besides`,
      'it belongs to another network or training',
    );
  tidy(() => {
    for (const [name, weight] of Object.entries(weights)) {
      const { data, shape } = tensors[name] as SafetensorsTensor;
      weight.assign(
        tensor(data as Float32Array | Int32Array | Uint8Array, [...shape], weight.dtype),
      );
    }
  });
}

/** Entries whose name starts with a prefix, without it. */
export function under<Value>(prefix: string, entries: Named<Value>): Record<string, Value> {
  const chosen = Object.entries(entries).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(chosen.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** Entries with a prefix before each name. */
export function prefixed<Value>(prefix: string, entries: Named<Value>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(entries).map(([name, value]) => [`${prefix}${name}`, value]),
  );
}

function fileType(dtype: DataType): 'F32' | 'I32' | 'BOOL' {
  if (dtype === 'float32') return 'F32';
  if (dtype === 'int32') return 'I32';
  ensure(dtype === 'bool', 'readWeights', 'weights of type float32, int32 or bool', dtype);
  return 'BOOL';
}

import { ensure, expectedError, type Network } from '@kd/core';
import type { SafetensorsTensor } from '@kd/files';
import { type DataType, tensor, tidy, type Variable } from '@tensorflow/tfjs-core';
import { decodeChecksummed, encodeChecksummed } from './checksummed.ts';

type Named<Value> = Readonly<Record<string, Value>>;

/** Metadata `format` of a checkpoint; see `checkpoint.ts`. */
export const CHECKPOINT_FORMAT = 'kd-training';
/** Metadata `format` of a file with the variables of one network. */
const VARIABLES_FORMAT = 'kd-weights';

/**
 * Encodes the variables of a network as a safetensors file, by their names.
 * @param metadata Stored in the file. @throws RangeError on a value that is not finite.
 */
export async function saveVariables(
  network: Network,
  metadata: Named<string> = {},
): Promise<Uint8Array> {
  const tensors = await readVariables('saveVariables', network.weights);
  return encodeChecksummed(tensors, {
    ...metadata,
    format: VARIABLES_FORMAT,
    network: network.name ?? 'network',
    preparation: network.preprocessing ?? '',
  });
}

/**
 * Loads the variables of a file into a network. The file is one of `saveVariables`, a checkpoint of
 * a training (its moving averages if there are any), or any safetensors file with the same names.
 * Nothing changes unless all of it fits.
 * @param caller Name of the file, for messages.
 * @throws RangeError that names the first variable that is missing, left over or of another shape;
 * on a file that was altered.
 */
export async function loadVariables(
  network: Network,
  bytes: Uint8Array,
  caller: string,
): Promise<void> {
  const { tensors, metadata } = await decodeChecksummed(bytes, caller, { optional: true });
  if (metadata.format !== CHECKPOINT_FORMAT)
    return assignVariables(caller, network.weights, tensors);
  const { updates: _, ...averages } = withoutPrefix('average.', tensors);
  assignVariables(
    caller,
    network.weights,
    Object.keys(averages).length > 0 ? averages : withoutPrefix('student.', tensors),
  );
}

/** Reads variables from the device. @throws RangeError on a value that is not finite. */
export async function readVariables(
  caller: string,
  variables: Named<Variable>,
  when = '',
): Promise<Record<string, SafetensorsTensor>> {
  const read = await Promise.all(
    Object.entries(variables).map(
      async ([name, variable]) => [name, await readVariable(caller, name, variable, when)] as const,
    ),
  );
  return Object.fromEntries(read);
}

async function readVariable(
  caller: string,
  name: string,
  variable: Variable,
  when: string,
): Promise<SafetensorsTensor> {
  const data = await variable.data();
  if (variable.dtype === 'float32') {
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
  return { dtype: safetensorsDtype(variable.dtype), shape: variable.shape, data };
}

/** Checks every name, type and shape, then assigns all variables. */
export function assignVariables(
  caller: string,
  variables: Named<Variable>,
  tensors: Named<SafetensorsTensor>,
): void {
  const extra = Object.keys(tensors).find((name) => !Object.hasOwn(variables, name));
  const remedy = 'it belongs to another network or training';
  for (const [name, variable] of Object.entries(variables)) {
    const found = tensors[name];
    const expected = `${name} of shape [${variable.shape.join(', ')}]`;
    if (found === undefined)
      throw expectedError(
        caller,
        expected,
        extra === undefined ? 'nothing of that name' : `nothing of that name, but ${extra}`,
        remedy,
      );
    ensure(found.shape.join() === variable.shape.join(), caller, expected, found.shape, remedy);
    const dtype = safetensorsDtype(variable.dtype);
    ensure(found.dtype === dtype, caller, `${name} in ${dtype}`, found.dtype, remedy);
  }
  if (extra !== undefined)
    throw expectedError(
      caller,
      `only ${Object.keys(variables).length} known weights`,
      `${extra} besides`,
      remedy,
    );
  tidy(() => {
    for (const [name, variable] of Object.entries(variables)) {
      const { data, shape } = tensors[name] as SafetensorsTensor;
      variable.assign(
        tensor(data as Float32Array | Int32Array | Uint8Array, [...shape], variable.dtype),
      );
    }
  });
}

/** The entries whose name starts with a prefix, under their names without it. */
function withoutPrefix<Value>(prefix: string, entries: Named<Value>): Record<string, Value> {
  const chosen = Object.entries(entries).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(chosen.map(([name, value]) => [name.slice(prefix.length), value]));
}

function safetensorsDtype(dtype: DataType): 'F32' | 'I32' | 'BOOL' {
  if (dtype === 'float32') return 'F32';
  if (dtype === 'int32') return 'I32';
  ensure(dtype === 'bool', 'readVariables', 'variables of type float32, int32 or bool', dtype);
  return 'BOOL';
}

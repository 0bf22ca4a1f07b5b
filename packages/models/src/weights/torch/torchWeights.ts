import { expectedError } from '@kd/core';
import { nullPrototypeRecord } from '@kd/files';
import type { TensorEntry, Weights, WeightsOptions } from '../weights.ts';
import type { TorchCheckpoint } from './checkpoint.ts';
import { describe, dictOf, isTensor } from './parts.ts';
import { TensorRecord } from './records.ts';
import { stateDict } from './stateDict.ts';
import { tensorEntry } from './tensorEntry.ts';

/** How many values of the rest of a file are told. */
const tellLimit = 50;

/** The tensors of the state dict in a file of PyTorch, each checked to lie within the file. */
export function torchWeights(
  { format, root, storages }: TorchCheckpoint,
  place: string,
  { part: wanted }: WeightsOptions,
): Weights {
  const { dict, part } = stateDict(root, wanted, place);
  const entries = nullPrototypeRecord<TensorEntry>();
  const others: [key: unknown, value: unknown][] = [];
  for (const [key, value] of dict) {
    if (typeof key !== 'string' || !isTensor(value)) others.push([key, value]);
    else if (!(value instanceof TensorRecord))
      throw expectedError(
        `${place}: ${key}`,
        'a dense tensor',
        describe(value),
        'convert it in PyTorch',
      );
    else entries[key] = tensorEntry(value, storages, `${place}: ${key}`);
  }
  const beside = part === '' ? [] : [...(dictOf(root) ?? [])].filter(([key]) => key !== part);
  const rest = [...told(others, part), ...told(beside, '')].join('; ');
  return {
    place,
    entries,
    metadata: { format, ...(part !== '' && { part }), ...(rest !== '' && { else: rest }) },
  };
}

function told(values: readonly [key: unknown, value: unknown][], part: string): string[] {
  const keyOf = (key: unknown) =>
    typeof key === 'string' && key.length <= 100 ? key : describe(key);
  return values
    .slice(0, tellLimit)
    .map(([key, value]) => `${part}${part && '.'}${keyOf(key)}: ${describe(value)}`);
}

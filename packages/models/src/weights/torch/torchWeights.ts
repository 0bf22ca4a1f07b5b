import { emptyRecord, unexpected } from '@kd/core';
import type { WeightEntry, Weights, WeightsOptions } from '../weights.ts';
import type { TorchCheckpoint } from './checkpoint.ts';
import { describe, dictOf, isTensor } from './parts.ts';
import { TensorRecord } from './records.ts';
import { stateDict } from './stateDict.ts';
import { tensorEntry } from './tensorEntry.ts';

/** What is said of the rest of a file, in characters at most. */
const textLimit = 2000;

/** The tensors of the state dict in a file of PyTorch, each checked to lie within the file. */
export function torchWeights({ format, root, storages }: TorchCheckpoint, place: string, { part: wanted }: WeightsOptions): Weights {
  const { dict, part } = stateDict(root, wanted, place);
  const entries = emptyRecord<WeightEntry>();
  const passed: string[] = [];
  for (const [key, value] of dict) {
    if (!isTensor(value)) passed.push(`${part}${part && '.'}${String(key)}: ${describe(value)}`);
    else if (!(value instanceof TensorRecord))
      throw unexpected(`${place}: ${String(key)}`, 'a dense tensor', describe(value), 'convert it in PyTorch');
    else entries[String(key)] = tensorEntry(value, storages, `${place}: ${String(key)}`);
  }
  const beside =
    part === '' ? [] : [...(dictOf(root) ?? [])].filter(([key]) => key !== part).map(([key, value]) => `${String(key)}: ${describe(value)}`);
  const rest = [...passed, ...beside].join('; ').slice(0, textLimit);
  return { place, entries, metadata: { format, ...(part !== '' && { part }), ...(rest !== '' && { else: rest }) } };
}

import { ensure } from '@kd/core';
import { type ByteSource, byteSource, subarrayBetween } from '@kd/files';
import { withoutPrefixes } from './prefixes.ts';
import { safetensorsWeights } from './safetensorsWeights.ts';
import { legacyCheckpoint, legacyStart } from './torch/legacyCheckpoint.ts';
import { torchWeights } from './torch/torchWeights.ts';
import { zipCheckpoint } from './torch/zipCheckpoint.ts';
import type { Weights, WeightsOptions } from './weights.ts';

/**
 * Named tensors of a file in memory: safetensors, or what `torch.save` writes (zip and legacy),
 * told apart by the first bytes. Of a checkpoint the state
 * dict is taken, its averaged twin only where `part` says so. A pickle in the file is read, never
 * run.
 * @param bytes Kept, and read at every `read`: leave them as they are.
 * @param place For messages: the file's name.
 * @throws RangeError that names the file and what is wrong in it.
 */
export function parseWeights(
  bytes: Uint8Array,
  place: string,
  options: WeightsOptions = {},
): Weights {
  return withoutPrefixes(weightsOf(byteSource(bytes), place, options));
}

/** The same of bytes that are read by range; names are as the file has them. */
export function weightsOf(
  source: ByteSource,
  place: string,
  options: WeightsOptions = {},
): Weights {
  const start = subarrayBetween(source, 0, Math.min(source.length, 512));
  if (startsWith(start, 0x50, 0x4b))
    return torchWeights(zipCheckpoint(source, place), place, options);
  if (startsWith(start, ...legacyStart))
    return torchWeights(legacyCheckpoint(source, place), place, options);
  for (const [name, isIt] of Object.entries(refused))
    ensure(!isIt(start), place, 'safetensors or a file of torch.save', name, remedy);
  ensure(
    options.part === undefined,
    place,
    'no part to be asked for: a safetensors file has none',
    options.part,
  );
  return safetensorsWeights(source, place);
}

const remedy = 'in Python: torch.save(model.state_dict(), …)';

const refused: Readonly<Record<string, (start: Uint8Array) => boolean>> = {
  'an HDF5 file': (start) => startsWith(start, 0x89, 0x48, 0x44, 0x46),
  'a gzip archive': (start) => startsWith(start, 0x1f, 0x8b),
  'a tar archive of PyTorch before 0.2, or another': (start) =>
    new TextDecoder('latin1').decode(start.subarray(257, 262)) === 'ustar',
  // A safetensors file may begin with these two bytes as well, but then its header comes at byte 8.
  'a pickle that is not of torch.save': (start) =>
    start[0] === 0x80 && (start[1] ?? 9) <= 5 && start[8] !== 0x7b,
};

function startsWith(bytes: Uint8Array, ...wanted: readonly number[]): boolean {
  return bytes.length >= wanted.length && wanted.every((byte, at) => bytes[at] === byte);
}

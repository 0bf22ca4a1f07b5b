import { type FetchOptions, fetchFile } from '@kd/files/node';
import type { Weights, WeightsOptions } from '../weights/weights.ts';
import { fileWeights } from './fileWeights.ts';

/** How to read it, and how to get it where it is elsewhere. */
export interface ReadOptions extends WeightsOptions, FetchOptions {}

/**
 * Named tensors of a file: safetensors, or what `torch.save` writes (`.pth`, `.pt`, `.bin`), told
 * apart by the first bytes; or of the shards that an index
 * (`model.safetensors.index.json`) names. Only the names are read now, each tensor when it is asked
 * for. A pickle in a file is read, never run.
 * @param source A path, `hf://owner/name`, `hf://owner/name@revision/file`, or an address (`file:`,
 * `https:`). What comes from the network is kept in a cache and
 * checked against its checksum; `metadata.source` then says from where, on the hub with the commit:
 * an address that gives the same file for ever.
 * @throws RangeError that names the file and what is wrong in it.
 */
export async function readWeights(
  source: string | URL,
  options: ReadOptions = {},
): Promise<Weights> {
  const { path, metadata } = await fetchFile(source, options);
  const weights = fileWeights(path, options);
  return { ...weights, metadata: { ...weights.metadata, ...metadata } };
}

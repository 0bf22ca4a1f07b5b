import path from 'node:path';
import { ensure, type Network } from '@kd/core';
import { nullPrototypeRecord, readShardIndex } from '@kd/files';
import { type FetchOptions, fetchFile, fileByteSource, writeFileAtomic } from '@kd/files/node';
import type { TensorEntry, Weights } from '../weights/formats/weights.ts';
import {
  type LoadReport,
  type LoadWeightsOptions,
  loadWeights as load,
} from '../weights/loadWeights.ts';
import { type OpenWeightsOptions, openSource, stripPrefixes } from '../weights/openWeights.ts';
import { saveWeights as encode, type SaveWeightsOptions } from '../weights/saveWeights.ts';

/** How to open a file, and how to get it if it is not on this disk. */
export interface OpenFileOptions extends Pick<OpenWeightsOptions, 'part'>, FetchOptions {}

/** How to load a file, and how to get it if it is not on this disk. */
export interface LoadFileOptions extends Omit<LoadWeightsOptions, 'fileName'>, FetchOptions {}

/**
 * Opens a file and lists its tensors, without a network: safetensors, or a file of `torch.save`
 * (`.pth`, `.pt`, `.bin`), recognized by its first bytes; or the shards of an index
 * (`model.safetensors.index.json`). Only names and shapes are read now, each tensor on demand. A
 * pickle in a file is parsed, never run.
 * @param source A path, `hf://owner/name`, `hf://owner/name@revision/file`, or an address (`file:`,
 * `https:`). Downloads are cached and verified against their checksum; `metadata.source` is then
 * their address, on the hub with the commit, so that it always gives the same file.
 * @throws RangeError that names the file and what is wrong in it.
 */
export async function openWeights(
  source: string | URL,
  options: OpenFileOptions = {},
): Promise<Weights> {
  const { path: file, metadata } = await fetchFile(source, options);
  const fileName = path.basename(file);
  const weights = stripPrefixes(
    file.endsWith('.json')
      ? openShards(file, fileName, options.part)
      : openSource(fileByteSource(file, fileName), fileName, options.part),
  );
  return { ...weights, metadata: { ...weights.metadata, ...metadata } };
}

/**
 * Loads weights into a network from a file, an address or the Hugging Face hub: `openWeights`, then
 * `loadWeights` of @kd/models.
 *
 * ```ts
 * await loadWeights(teacher, 'hf://timm/resnet50.a1_in1k', { head: 'skip' });
 * ```
 * @param source As for `openWeights`.
 * @throws RangeError that names the file and what is wrong in it, or lists what does not fit.
 */
export async function loadWeights(
  network: Network,
  source: string | URL,
  options: LoadFileOptions = {},
): Promise<LoadReport> {
  const { part: _, ...loading } = options;
  return load(network, await openWeights(source, options), loading);
}

/**
 * Writes a network's weights to a file that PyTorch and `loadWeights` read: the bytes of
 * `saveWeights` of @kd/models, written atomically.
 * @throws RangeError on weights that cannot be saved; Error, with its cause, if the file cannot be
 * written.
 */
export async function saveWeights(
  network: Network,
  target: string,
  options: SaveWeightsOptions = {},
): Promise<void> {
  await writeFileAtomic(target, await encode(network, options));
}

function openShards(file: string, fileName: string, part: string | undefined): Weights {
  const { shards, weightMap, metadata } = readShardIndex(fileByteSource(file, fileName), fileName);
  const entries = nullPrototypeRecord<TensorEntry>();
  for (const shard of shards) {
    const source = fileByteSource(path.join(path.dirname(file), ...shard.split('/')), shard);
    for (const [name, entry] of Object.entries(openSource(source, shard, part).entries)) {
      ensure(
        weightMap[name] === shard,
        fileName,
        `${name} in ${weightMap[name] ?? 'the weight_map'}`,
        `it in ${shard}`,
        'the files do not belong together',
      );
      entries[name] = entry;
    }
  }
  const missing = Object.keys(weightMap).find((name) => !Object.hasOwn(entries, name));
  ensure(
    missing === undefined,
    fileName,
    `${missing} in ${weightMap[missing ?? '']}, as the weight_map says`,
    'none',
    'the files do not belong together',
  );
  return { fileName, entries, metadata };
}

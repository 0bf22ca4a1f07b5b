import path from 'node:path';
import { ensure } from '@kd/core';
import { nullPrototypeRecord } from '@kd/files';
import { fileByteSource, readShardIndex } from '@kd/files/node';
import { weightsOf } from '../weights/parseWeights.ts';
import { withoutPrefixes } from '../weights/prefixes.ts';
import type { TensorEntry, Weights, WeightsOptions } from '../weights/weights.ts';

/**
 * Named tensors of a file on this disk, or of the shards that an index
 * (`model.safetensors.index.json`) names.
 * @param place For messages: the file's name.
 * @throws RangeError that names the file and what is wrong in it.
 */
export function fileWeights(
  file: string,
  options: WeightsOptions = {},
  place = path.basename(file),
): Weights {
  const weights = file.endsWith('.json')
    ? shardedWeights(file, options, place)
    : weightsOf(fileByteSource(file, place), place, options);
  return withoutPrefixes(weights);
}

function shardedWeights(file: string, options: WeightsOptions, place: string): Weights {
  const { shards, weightMap, metadata } = readShardIndex(fileByteSource(file, place), place);
  const entries = nullPrototypeRecord<TensorEntry>();
  for (const shard of shards) {
    const weights = weightsOf(
      fileByteSource(path.join(path.dirname(file), ...shard.split('/')), shard),
      shard,
      options,
    );
    for (const [name, entry] of Object.entries(weights.entries)) {
      ensure(
        weightMap[name] === shard,
        place,
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
    place,
    `${missing} in ${weightMap[missing ?? '']}, as the weight_map says`,
    'none',
    'the files do not belong together',
  );
  return { fileName: place, entries, metadata };
}

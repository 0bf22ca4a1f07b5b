import { readShardIndex } from '../../formats/shardIndex.ts';
import { fileByteSource } from '../fileByteSource.ts';
import { type HubOptions, openRepository } from './repository.ts';
import { chooseWeightFile, parseHubUrl } from './url.ts';

/** A file that is on this disk now. */
export interface FetchedFile {
  readonly path: string;
  /** Its origin; empty if it was on this disk before. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Fetches a model's weights from the hub into its cache, with all shards of an index. Cached
 * weights
 * cost one request (for the current commit), and none if the URL names commit and file, or with
 * `HF_HUB_OFFLINE`. Every file is verified against the hub's checksum each time it is read.
 * @throws RangeError that names the URL and a remedy.
 */
export async function fetchFromHub(source: string, options: HubOptions): Promise<FetchedFile> {
  const url = parseHubUrl(source, 'model');
  const repository = await openRepository(url, options);
  const { commit, files } = await repository.resolve(url.revision);
  const root = `${repository.url}@${commit}`;
  const file = url.file ?? chooseWeightFile(await files(), root);
  const path = await repository.fetch(commit, file);
  if (file.endsWith('.index.json')) {
    const directory = file.slice(0, file.lastIndexOf('/') + 1);
    for (const shard of readShardIndex(fileByteSource(path, file), file).shards)
      await repository.fetch(commit, directory + shard);
  }
  return { path, metadata: { source: `${root}/${file}`, commit } };
}

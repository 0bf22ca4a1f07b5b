import { rm } from 'node:fs/promises';
import { ensure, expectedError } from '@kd/core';
import { download, ensureDirectory, fileByteSource } from '@kd/files/node';
import type { FetchedFile, FetchOptions } from '../fetchedFile.ts';
import { readShardIndex } from '../shardIndex.ts';
import { verifyEtag } from './expectContent.ts';
import { type HubAddress, hubAddress } from './hubAddress.ts';
import { type HubCache, hubCache } from './hubCache.ts';
import { type HubClient, hubClient, isHash } from './hubClient.ts';
import { hubError } from './hubFetch.ts';
import { type HubSettings, hubSettings } from './hubSettings.ts';
import { weightFile } from './weightFile.ts';

interface Place {
  readonly settings: HubSettings;
  readonly client: HubClient;
  readonly cache: HubCache;
  readonly repository: string;
}

/**
 * Brings a model's weights from the hub into its cache, the shards of an index too. What is there
 * already costs one question (which commit is it?), and
 * none where the address gives commit and file, or with `HF_HUB_OFFLINE`. Every file is checked
 * against the hub's checksum, each time it is read.
 * @throws RangeError that names the address and says what can be done.
 */
export async function fetchFromHub(
  source: string,
  { cache: cacheDirectory, createProgress, signal }: FetchOptions,
): Promise<FetchedFile> {
  const address = hubAddress(source);
  const { repository } = address;
  const settings = hubSettings({ createProgress, signal });
  const client = await hubClient(settings, repository, cacheDirectory);
  const place = { settings, client, cache: hubCache(client.folder), repository };
  const { commit, files } = await resolved(address, place);
  const file = address.file ?? weightFile(await files(), `hf://${repository}@${commit}`);
  const path = await fileOf(place, commit, file);
  if (file.endsWith('.index.json')) {
    const folder = file.slice(0, file.lastIndexOf('/') + 1);
    for (const shard of readShardIndex(fileByteSource(path, file), file).shards)
      await fileOf(place, commit, folder + shard);
  }
  return { path, metadata: { source: `hf://${repository}@${commit}/${file}`, commit } };
}

/** The commit that a revision is, and a way to list its files. */
async function resolved({ repository, revision }: HubAddress, { settings, client, cache }: Place) {
  const list = (commit: string) =>
    settings.offline
      ? cache.files(commit)
      : client.revision(commit, 'see to the network').then(({ files }) => files);
  if (isHash(revision, 40)) return { commit: revision, files: () => list(revision) };
  const known = await cache.commitOf(revision);
  if (settings.offline) {
    const remedy = 'unset HF_HUB_OFFLINE to ask the hub';
    if (known === undefined)
      throw expectedError(
        `hf://${repository}`,
        `the commit of ${revision} in ${client.folder}`,
        'none',
        remedy,
      );
    return { commit: known, files: () => list(known) };
  }
  const cached =
    known === undefined
      ? 'see to the network'
      : `see to the network, or set HF_HUB_OFFLINE=1 to take ${known} from the cache`;
  const { commit, files } = await client.revision(revision, cached);
  if (commit !== known) await cache.keepCommit(revision, commit);
  return { commit, files: async () => files };
}

/** @returns Where the checked file is. */
async function fileOf(place: Place, commit: string, file: string): Promise<string> {
  const { settings, client, cache, repository } = place;
  const address = `hf://${repository}@${commit}/${file}`;
  const path = cache.pathOf(commit, file);
  if (await cache.has(commit, file)) {
    const etag = await cache.etagOf(commit, file);
    if (etag !== undefined)
      await verifyEtag(
        path,
        etag,
        address,
        `${path} is damaged: remove it, and what it links to`,
        settings.signal,
      );
    return path;
  }
  ensure(
    !settings.offline,
    address,
    `the file in ${client.folder}`,
    'none',
    'unset HF_HUB_OFFLINE to download it',
  );
  const { bytes, etag } = await client.file(commit, file);
  if (!(await cache.hasBlob(etag))) await downloadBlob(place, commit, file, bytes, etag);
  await cache.link(commit, file, etag);
  return path;
}

async function downloadBlob(
  { settings, cache, repository }: Place,
  commit: string,
  file: string,
  bytes: number,
  etag: string,
): Promise<void> {
  const { endpoint, token, createProgress, signal } = settings;
  const address = `hf://${repository}@${commit}/${file}`;
  const url = new URL(
    `${endpoint}/${repository}/resolve/${commit}/${file.split('/').map(encodeURIComponent).join('/')}`,
  );
  // The hub leads on to another host, which gets no token: fetch leaves `authorization` away there.
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  await ensureDirectory(cache.blobs);
  const options = {
    folder: cache.blobs,
    name: etag,
    shown: file,
    resume: true,
    largest: bytes,
    headers,
    createProgress,
    signal,
  };
  const part = await download(url, options).catch(
    (error: Error & { cause?: { status?: number } }) => {
      const status = error.cause?.status;
      throw status === undefined
        ? error
        : Object.assign(hubError(settings, address, status), { cause: error });
    },
  );
  try {
    await verifyEtag(
      part,
      etag,
      address,
      'what the server sent is altered or cut short: try again',
      signal,
    );
    await cache.keepBlob(part, etag);
  } finally {
    await rm(part, { force: true });
  }
}

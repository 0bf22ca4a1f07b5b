import { rm } from 'node:fs/promises';
import { ensure, expectedError, type ProgressFactory } from '@kd/core';
import { readShardIndex } from '../../formats/shardIndex.ts';
import { ensureDirectory } from '../atomicWrite.ts';
import { download } from '../download.ts';
import { fileByteSource } from '../fileByteSource.ts';
import { type HubCache, hubCache, isHash, verifyEtag } from './cache.ts';
import {
  type HubClient,
  type HubSettings,
  hubClient,
  hubError,
  readHubSettings,
} from './client.ts';
import { chooseWeightFile, type HubUrl, parseHubUrl } from './url.ts';

/** Options of `fetchFromHub`. */
export interface HubOptions {
  /** Directory of the cache; the hub's own by default. */
  readonly cache?: string;
  readonly createProgress?: ProgressFactory;
  readonly signal?: AbortSignal;
}

/** A file that is on this disk now. */
export interface FetchedFile {
  readonly path: string;
  /** Its origin; empty if it was on this disk before. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What all requests of one call need. */
interface Context {
  readonly settings: HubSettings;
  readonly client: HubClient;
  readonly cache: HubCache;
  readonly repository: string;
}

/**
 * Fetches a model's weights from the hub into its cache, with all shards of an index. Cached
 * weights
 * cost one request (for the current commit), and none if the URL names commit and file, or with
 * `HF_HUB_OFFLINE`. Every file is verified against the hub's checksum each time it is read.
 * @throws RangeError that names the URL and a remedy.
 */
export async function fetchFromHub(
  source: string,
  { cache, createProgress, signal }: HubOptions,
): Promise<FetchedFile> {
  const url = parseHubUrl(source);
  const { repository } = url;
  const settings = readHubSettings({ createProgress, signal });
  const client = await hubClient(settings, repository, cache);
  const context = { settings, client, cache: hubCache(client.directory), repository };
  const { commit, files } = await resolveRevision(url, context);
  const file = url.file ?? chooseWeightFile(await files(), `hf://${repository}@${commit}`);
  const path = await fetchRepositoryFile(context, commit, file);
  if (file.endsWith('.index.json')) {
    const directory = file.slice(0, file.lastIndexOf('/') + 1);
    for (const shard of readShardIndex(fileByteSource(path, file), file).shards)
      await fetchRepositoryFile(context, commit, directory + shard);
  }
  return { path, metadata: { source: `hf://${repository}@${commit}/${file}`, commit } };
}

/** Resolves a revision to its commit, with a function that lists its files. */
async function resolveRevision(
  { repository, revision }: HubUrl,
  { settings, client, cache }: Context,
) {
  const list = (commit: string) =>
    settings.offline
      ? cache.listFiles(commit)
      : client.revision(commit, 'check the network').then(({ files }) => files);
  if (isHash(revision, 40)) return { commit: revision, files: () => list(revision) };
  const known = await cache.readCommit(revision);
  if (settings.offline) {
    const remedy = 'unset HF_HUB_OFFLINE to request it';
    if (known === undefined)
      throw expectedError(
        `hf://${repository}`,
        `the commit of ${revision} in ${client.directory}`,
        'none',
        remedy,
      );
    return { commit: known, files: () => list(known) };
  }
  const remedy =
    known === undefined
      ? 'check the network'
      : `check the network, or set HF_HUB_OFFLINE=1 to use ${known} from the cache`;
  const { commit, files } = await client.revision(revision, remedy);
  if (commit !== known) await cache.writeCommit(revision, commit);
  return { commit, files: async () => files };
}

/** Fetches one file. @returns Path of the verified file. */
async function fetchRepositoryFile(
  context: Context,
  commit: string,
  file: string,
): Promise<string> {
  const { settings, client, cache, repository } = context;
  const caller = `hf://${repository}@${commit}/${file}`;
  const path = cache.pathOf(commit, file);
  if (await cache.has(commit, file)) {
    const etag = await cache.readEtag(commit, file);
    if (etag !== undefined)
      await verifyEtag(
        path,
        etag,
        caller,
        `${path} is damaged: remove it, and what it links to`,
        settings.signal,
      );
    return path;
  }
  ensure(
    !settings.offline,
    caller,
    `the file in ${client.directory}`,
    'none',
    'unset HF_HUB_OFFLINE to download it',
  );
  const { bytes, etag } = await client.file(commit, file);
  if (!(await cache.hasBlob(etag))) await downloadBlob(context, commit, file, bytes, etag);
  await cache.link(commit, file, etag);
  return path;
}

async function downloadBlob(
  { settings, cache, repository }: Context,
  commit: string,
  file: string,
  bytes: number,
  etag: string,
): Promise<void> {
  const { endpoint, token, createProgress, signal } = settings;
  const caller = `hf://${repository}@${commit}/${file}`;
  const url = new URL(
    `${endpoint}/${repository}/resolve/${commit}/${file.split('/').map(encodeURIComponent).join('/')}`,
  );
  // The hub redirects to another host, for which fetch drops `authorization`: it gets no token.
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  await ensureDirectory(cache.blobs);
  const options = {
    directory: cache.blobs,
    name: etag,
    label: file,
    resume: true,
    maxBytes: bytes,
    headers,
    createProgress,
    signal,
  };
  const part = await download(url, options).catch(
    (error: Error & { cause?: { status?: number } }) => {
      const status = error.cause?.status;
      throw status === undefined
        ? error
        : Object.assign(hubError(settings, caller, status), { cause: error });
    },
  );
  try {
    await verifyEtag(
      part,
      etag,
      caller,
      'what the server sent is altered or cut short: try again',
      signal,
    );
    await cache.addBlob(part, etag);
  } finally {
    await rm(part, { force: true });
  }
}

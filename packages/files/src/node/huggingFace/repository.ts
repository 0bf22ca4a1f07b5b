import { rm } from 'node:fs/promises';
import { ensure, expectedError, type ProgressFactory } from '@kd/core';
import { ensureDirectory } from '../atomicWrite.ts';
import { download } from '../download.ts';
import { type HubCache, hubCache, isHash, verifyEtag } from './cache.ts';
import {
  type HubClient,
  type HubSettings,
  hubClient,
  hubError,
  readHubSettings,
} from './client.ts';
import { assertInside, type HubUrl, type RepositoryKind, repositoryUrl } from './url.ts';

/** Options of what is fetched from the hub. */
export interface HubOptions {
  /** Directory of the cache; the hub's own by default. */
  readonly cache?: string;
  readonly createProgress?: ProgressFactory;
  readonly signal?: AbortSignal;
}

/** A repository of the hub and its files in the cache. */
export interface HubRepository {
  /** `hf://owner/name`, `hf://datasets/owner/name`. */
  readonly url: string;
  /** Resolves a revision to its commit: a request, unless it is one or with `HF_HUB_OFFLINE`. */
  resolve(revision: string): Promise<ResolvedRevision>;
  isCached(commit: string, file: string): Promise<boolean>;
  /** Fetches one file. @returns Path of the verified file. */
  fetch(commit: string, file: string): Promise<string>;
}

/**
 * Opens a repository.
 * @throws RangeError if `@huggingface/hub` is not installed.
 */
export async function openRepository(
  url: Pick<HubUrl, 'kind' | 'repository'>,
  { cache: directory, createProgress, signal }: HubOptions,
): Promise<HubRepository> {
  const settings = readHubSettings({ createProgress, signal });
  const client = await hubClient(settings, url, directory);
  const cache = hubCache(client.directory);
  const { kind, repository } = url;
  const context = { settings, client, cache, kind, repository, url: repositoryUrl(url) };
  return {
    url: context.url,
    resolve: (revision) => resolveRevision(context, revision),
    isCached: cache.has,
    fetch: (commit, file) => fetchRepositoryFile(context, commit, file),
  };
}

/** What all requests about one repository need. */
interface Context {
  readonly settings: HubSettings;
  readonly client: HubClient;
  readonly cache: HubCache;
  readonly kind: RepositoryKind;
  readonly repository: string;
  readonly url: string;
}

/** A revision at a time. */
interface ResolvedRevision {
  readonly commit: string;
  /** Lists its files; offline those in the cache where no list of all is there. */
  files(): Promise<readonly string[]>;
}

async function resolveRevision(
  { settings, client, cache, kind, url }: Context,
  revision: string,
): Promise<ResolvedRevision> {
  // A model's weights are chosen offline among those that are there.
  const keep = async (commit: string, files: readonly string[]) => {
    if (kind === 'dataset') await cache.writeListing(commit, files);
    return files;
  };
  const list = async (commit: string) => {
    const listing = kind === 'dataset' ? await cache.readListing(commit) : undefined;
    if (listing !== undefined) return listing;
    if (settings.offline) return cache.listFiles(commit);
    return keep(commit, (await client.revision(commit, 'check the network')).files);
  };
  if (isHash(revision, 40)) return { commit: revision, files: () => list(revision) };
  const known = await cache.readCommit(revision);
  if (settings.offline) {
    const remedy = 'unset HF_HUB_OFFLINE to request it';
    if (known === undefined)
      throw expectedError(url, `the commit of ${revision} in ${client.directory}`, 'none', remedy);
    return { commit: known, files: () => list(known) };
  }
  const remedy =
    known === undefined
      ? 'check the network'
      : `check the network, or set HF_HUB_OFFLINE=1 to use ${known} from the cache`;
  const { commit, files } = await client.revision(revision, remedy);
  if (commit !== known) await cache.writeCommit(revision, commit);
  await keep(commit, files);
  return { commit, files: async () => files };
}

async function fetchRepositoryFile(
  context: Context,
  commit: string,
  file: string,
): Promise<string> {
  const { settings, client, cache, url } = context;
  const caller = `${url}@${commit}/${file}`;
  assertInside('a file name', file, caller);
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
  { settings, cache, kind, repository, url }: Context,
  commit: string,
  file: string,
  bytes: number,
  etag: string,
): Promise<void> {
  const { endpoint, token, createProgress, signal } = settings;
  const caller = `${url}@${commit}/${file}`;
  const page = `${endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${repository}`;
  const address = new URL(
    `${page}/resolve/${commit}/${file.split('/').map(encodeURIComponent).join('/')}`,
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
  const part = await download(address, options).catch(
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

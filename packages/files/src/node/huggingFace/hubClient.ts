import { ensure, expectedError } from '@kd/core';
import { importOptional } from '@kd/core/node';
import { expectInside } from './hubAddress.ts';
import { hubFetch } from './hubFetch.ts';
import type { HubSettings } from './hubSettings.ts';

/** A revision at the time of asking. */
export interface HubRevision {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** With `/`, from the repository's root. */
  readonly files: readonly string[];
}

/** What the hub says of a file. */
export interface HubFile {
  readonly bytes: number;
  /**
   * The sha256 of a large file (64 digits), git's own hash of a small one (40): its name among the
   * cache's blobs.
   */
  readonly etag: string;
}

/** Questions to the hub about one repository, put by `@huggingface/hub`. */
export interface HubClient {
  /** The cache's folder of this repository, shared with Python's. */
  readonly folder: string;
  /** @param remedy Where the hub cannot be reached. @throws RangeError */
  revision(name: string, remedy: string): Promise<HubRevision>;
  /** @throws RangeError where there is no such file. */
  file(commit: string, path: string): Promise<HubFile>;
}

/**
 * @param cache The cache's folder; the hub's own by default. @throws RangeError where
 * `@huggingface/hub` is not installed.
 */
export async function hubClient(
  settings: HubSettings,
  repository: string,
  cache: string | undefined,
): Promise<HubClient> {
  const hub = await importOptional(
    'readWeights',
    '@huggingface/hub',
    () => import('@huggingface/hub'),
  );
  const { endpoint: hubUrl } = settings;
  const address = `hf://${repository}`;
  const repo = { name: repository, type: 'model' } as const;
  return {
    folder: `${cache ?? hub.getHFHubCachePath()}/${hub.getRepoFolderName(repo)}`,
    async revision(revision, remedy) {
      const place = `${address}@${revision}`;
      const fetch = hubFetch(settings, place, remedy);
      const asked = {
        name: repository,
        revision,
        hubUrl,
        fetch,
        additionalFields: ['sha' as const, 'filePaths' as const],
      };
      const { sha, filePaths: files } = await understood(place, hubUrl, () => hub.modelInfo(asked));
      ensure(isHash(sha, 40), place, 'a commit of 40 hexadecimal digits', sha, unlike(hubUrl));
      const areNames = Array.isArray(files) && files.every((file) => typeof file === 'string');
      ensure(areNames, place, 'a list of file names', typeof files, unlike(hubUrl));
      return { commit: sha, files };
    },
    async file(revision, path) {
      const place = `${address}@${revision}/${path}`;
      expectInside('a file name', path, place);
      const fetch = hubFetch(settings, place, 'see to the network');
      const [found] = await understood(place, hubUrl, () =>
        hub.pathsInfo({ repo, paths: [path], revision, hubUrl, fetch }),
      );
      if (found?.type !== 'file')
        throw expectedError(
          place,
          'such a file in the repository',
          found?.type ?? 'none',
          'see whether its name is right',
        );
      const etag = found.lfs?.oid ?? found.oid;
      const bytes = found.lfs?.size ?? found.size;
      ensure(
        isHash(etag, found.lfs === undefined ? 40 : 64),
        place,
        'a checksum in hexadecimal',
        etag,
        unlike(hubUrl),
      );
      ensure(
        Number.isSafeInteger(bytes) && bytes >= 0,
        place,
        'a size in bytes',
        bytes,
        unlike(hubUrl),
      );
      return { bytes, etag };
    },
  };
}

/** Hexadecimal digits. */
export function isHash(text: unknown, digits: number): text is string {
  return typeof text === 'string' && text.length === digits && /^[0-9a-f]+$/.test(text);
}

/** What `@huggingface/hub` makes of an answer. @throws RangeError where it makes nothing of it. */
async function understood<Answer>(
  place: string,
  hubUrl: string,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof RangeError || (cause as Error).name === 'AbortError') throw cause;
    throw Object.assign(
      expectedError(place, 'an answer of the hub', (cause as Error).message, unlike(hubUrl)),
      { cause },
    );
  }
}

function unlike(hubUrl: string): string {
  return `${hubUrl} does not answer as the hub does`;
}

import { setTimeout as delay } from 'node:timers/promises';
import { ensure, expectedError, type ProgressFactory } from '@kd/core';
import { importOptional } from '@kd/core/node';
import { isHash } from './cache.ts';
import { type HubUrl, repositoryUrl } from './url.ts';

/** Settings of the hub's own environment variables, which the Python library knows too. */
export interface HubSettings {
  /** `HF_ENDPOINT`, without a slash at the end. */
  readonly endpoint: string;
  /** `HF_HUB_OFFLINE`: no request is made. */
  readonly offline: boolean;
  /** `HF_TOKEN`. */
  readonly token: string | undefined;
  readonly createProgress: ProgressFactory | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Reads the settings from the environment. */
export function readHubSettings(
  progress: Pick<HubSettings, 'createProgress' | 'signal'>,
): HubSettings {
  const { HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN } = process.env;
  const endpoint = (HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  ensure(
    URL.canParse(endpoint) && /^https?:/.test(endpoint),
    'Hugging Face hub',
    'HF_ENDPOINT to be a URL (http, https)',
    endpoint,
  );
  return {
    endpoint,
    offline: /^(1|on|yes|true)$/i.test(HF_HUB_OFFLINE ?? ''),
    token: HF_TOKEN?.trim() || undefined,
    ...progress,
  };
}

/** A revision at the time of the request. */
export interface HubRevision {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** Paths from the repository's root, with `/`. */
  readonly files: readonly string[];
}

/** A file on the hub. */
export interface HubFile {
  readonly bytes: number;
  /**
   * sha256 of a large file (64 digits), hash in git of a small one (40); its name among the blobs
   * of
   * the cache.
   */
  readonly etag: string;
}

/** Requests to the hub about one repository, made by `@huggingface/hub`. */
export interface HubClient {
  /** Directory of this repository in the cache, which is shared with Python's library. */
  readonly directory: string;
  /** Requests a revision. @param remedy End of the message if the hub cannot be reached. */
  revision(name: string, remedy: string): Promise<HubRevision>;
  /** Requests a file. @throws RangeError if there is no such file. */
  file(commit: string, path: string): Promise<HubFile>;
}

/**
 * Creates a client.
 * @param cache Directory of the cache; the hub's own by default.
 * @throws RangeError if `@huggingface/hub` is not installed.
 */
export async function hubClient(
  settings: HubSettings,
  { kind, repository }: Pick<HubUrl, 'kind' | 'repository'>,
  cache: string | undefined,
): Promise<HubClient> {
  const url = repositoryUrl({ kind, repository });
  const hub = await importOptional(url, '@huggingface/hub', () => import('@huggingface/hub'));
  const { endpoint: hubUrl } = settings;
  const repo = { name: repository, type: kind };
  return {
    directory: `${cache ?? hub.getHFHubCachePath()}/${hub.getRepoFolderName(repo)}`,
    async revision(revision, remedy) {
      const caller = `${url}@${revision}`;
      const fetch = hubFetch(settings, caller, remedy);
      const request = { name: repository, revision, hubUrl, fetch };
      const { sha, filePaths: files } = await checkAnswer(caller, hubUrl, () =>
        kind === 'model'
          ? hub.modelInfo({ ...request, additionalFields: ['sha', 'filePaths'] })
          : datasetInfo(hub, request),
      );
      ensure(
        isHash(sha, 40),
        caller,
        'a commit of 40 hexadecimal digits',
        sha,
        unexpectedAnswer(hubUrl),
      );
      const areNames = Array.isArray(files) && files.every((file) => typeof file === 'string');
      ensure(areNames, caller, 'a list of file names', typeof files, unexpectedAnswer(hubUrl));
      return { commit: sha, files };
    },
    async file(revision, path) {
      const caller = `${url}@${revision}/${path}`;
      const fetch = hubFetch(settings, caller, 'check the network');
      const [found] = await checkAnswer(caller, hubUrl, () =>
        hub.pathsInfo({ repo, paths: [path], revision, hubUrl, fetch }),
      );
      if (found?.type !== 'file')
        throw expectedError(
          caller,
          'such a file in the repository',
          found?.type ?? 'none',
          'check its name',
        );
      const etag = found.lfs?.oid ?? found.oid;
      const bytes = found.lfs?.size ?? found.size;
      ensure(
        isHash(etag, found.lfs === undefined ? 40 : 64),
        caller,
        'a checksum in hexadecimal',
        etag,
        unexpectedAnswer(hubUrl),
      );
      ensure(
        Number.isSafeInteger(bytes) && bytes >= 0,
        caller,
        'a size in bytes',
        bytes,
        unexpectedAnswer(hubUrl),
      );
      return { bytes, etag };
    },
  };
}

/** Requests the commit and the file names of a dataset. */
async function datasetInfo(
  hub: typeof import('@huggingface/hub'),
  request: {
    readonly name: string;
    readonly revision: string;
    readonly hubUrl: string;
    readonly fetch: typeof fetch;
  },
): Promise<{ readonly sha: unknown; readonly filePaths: readonly unknown[] }> {
  // The hub lists `siblings` of a dataset as of a model, which the types of 2.17.5 leave out.
  const additionalFields = ['sha', 'siblings'] as unknown as ['sha'];
  const answer = await hub.datasetInfo({ ...request, additionalFields });
  const { siblings } = answer as { siblings?: readonly { readonly rfilename: unknown }[] };
  return { sha: answer.sha, filePaths: (siblings ?? []).map(({ rfilename }) => rfilename) };
}

/**
 * Runs a request of `@huggingface/hub`. @throws RangeError if it does not understand the answer.
 */
async function checkAnswer<Answer>(
  caller: string,
  hubUrl: string,
  request: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await request();
  } catch (cause) {
    if (cause instanceof RangeError || (cause as Error).name === 'AbortError') throw cause;
    throw Object.assign(
      expectedError(
        caller,
        'an answer of the hub',
        (cause as Error).message,
        unexpectedAnswer(hubUrl),
      ),
      { cause },
    );
  }
}

function unexpectedAnswer(hubUrl: string): string {
  return `${hubUrl} does not answer as the hub does`;
}

const attempts = 3;
const timeoutMilliseconds = 30_000;
/** Largest answer in bytes. A list of files has some kB. */
const largestAnswer = 2 ** 25;

/**
 * Creates a `fetch` for requests to the hub, with the user's token, a time limit, and more attempts
 * if
 * the network or the server fails.
 * @param caller Start of messages. @param remedy End of the message if the hub cannot be reached.
 * @throws RangeError if the hub refuses or cannot be reached.
 */
function hubFetch(settings: HubSettings, caller: string, remedy: string): typeof fetch {
  const { endpoint, token, signal } = settings;
  const once = async (
    input: Parameters<typeof fetch>[0],
    init: RequestInit | undefined,
  ): Promise<Response> => {
    const headers = new Headers(init?.headers);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    const timeout = AbortSignal.timeout(timeoutMilliseconds);
    const response = await fetch(input, {
      ...init,
      headers,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    return new Response(await readBounded(response, caller), {
      status: response.status,
      headers: response.headers,
    });
  };
  return async (input, init) => {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await once(input, init);
        if (response.ok) return response;
        const temporary = response.status >= 500 || response.status === 429;
        if (!temporary || attempt === attempts)
          throw hubError(settings, caller, response.status, response.headers.get('x-error-code'));
      } catch (cause) {
        signal?.throwIfAborted();
        if (cause instanceof RangeError) throw cause;
        if (attempt === attempts)
          throw Object.assign(
            expectedError(caller, `an answer from ${endpoint}`, readReason(cause as Error), remedy),
            { cause },
          );
      }
      await delay(300 * 2 ** attempt, undefined, signal ? { signal } : {});
    }
  };
}

/** Explains an HTTP status, with a remedy. @param code The hub's `x-error-code`. */
export function hubError(
  { endpoint, token }: HubSettings,
  caller: string,
  status: number,
  code?: string | null,
): RangeError {
  const got = `HTTP status ${status}${code ? ` (${code})` : ''}`;
  if (status === 401) {
    const remedy =
      token === undefined
        ? 'set HF_TOKEN to a token that may read it'
        : 'check that HF_TOKEN is valid and may read it';
    return expectedError(
      caller,
      `access to ${endpoint}`,
      got,
      `there is no such repository, or it is private or gated: ${remedy}`,
    );
  }
  if (status === 403)
    return expectedError(
      caller,
      `access to ${endpoint}`,
      got,
      'accept its terms on its page, with the account of HF_TOKEN',
    );
  if (status === 404) {
    const what =
      code === 'RevisionNotFound' ? 'revision' : code === 'EntryNotFound' ? 'file' : 'repository';
    const remedy = 'check its name, and HF_TOKEN if it is private';
    const error = expectedError(caller, `a ${what} on ${endpoint}`, got, remedy);
    return Object.assign(error, { cause: { status, code } });
  }
  return expectedError(caller, `an answer from ${endpoint}`, got, 'try again later');
}

/** Whether an error is the hub's answer that a repository has no such revision. */
export function isRevisionMissing({ cause }: Error): boolean {
  return (cause as { code?: unknown } | undefined)?.code === 'RevisionNotFound';
}

async function readBounded(response: Response, caller: string): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    ensure(size <= largestAnswer, caller, `an answer of at most ${largestAnswer} bytes`, 'more');
    pieces.push(piece);
  }
  return Uint8Array.from(Buffer.concat(pieces));
}

function readReason(error: Error): string {
  const { code, message } = (error.cause ?? error) as Error & { code?: string };
  return message || code || 'a failure';
}

import { type FileHandle, open, rm, stat, truncate } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ensure, expectedError, type Progress, type ProgressFactory } from '@kd/core';
import { claimPart, leavePart } from './partFile.ts';

export interface DownloadOptions {
  readonly folder: string;
  /** Of the file in the folder, while it is under way. */
  readonly name: string;
  /**
   * Whether a part from an earlier run may be gone on with: only where the caller checks a checksum
   * in the end.
   */
  readonly resume: boolean;
  /** Bytes: a server that sends more is stopped. */
  readonly largest: number;
  /** What people are shown; the name by default. */
  readonly shown?: string | undefined;
  /** Sent to the address, and not on to another host that it leads to: `authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

const attempts = 5;
const silenceMilliseconds = 60_000;

/** What trying again will not change. */
class FinalError extends Error {
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/**
 * Downloads into a file that belongs to this call alone. A connection that breaks is taken up where
 * it broke (HTTP Range), up to 5 times without
 * progress; a server that does not know Range starts anew. What was loaded when it fails in the
 * end, or is stopped, is left for the next call.
 * @returns The file's path; the caller removes it.
 * @throws RangeError that names the address; where the server refused, its `cause` has the HTTP
 * `status`.
 */
export async function download(url: URL, options: DownloadOptions): Promise<string> {
  const part = await claimPart(options.folder, options.name, options.resume).catch(
    (cause: Error) => {
      throw diskError(options.folder, cause);
    },
  );
  try {
    await fetchInto(part, url, options);
    return part;
  } catch (error) {
    if (isDiskError(error)) {
      await rm(part, { force: true });
      throw diskError(part, error as Error);
    }
    if (options.resume) await leavePart(part, options.name);
    else await rm(part, { force: true });
    throw error;
  }
}

/** An address without what may be secret in it. */
export function redactUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

async function fetchInto(part: string, url: URL, options: DownloadOptions): Promise<void> {
  const { createProgress, name, shown = name, signal } = options;
  const state: Transfer = {
    have: (await stat(part)).size,
    validator: undefined,
    progress: undefined,
  };
  const startProgress = (total: number): void => {
    state.progress ??= createProgress?.(`download ${shown}`, total, 'B');
  };
  try {
    for (let failures = 0; ; ) {
      const before = state.have;
      try {
        await transfer(part, url, state, startProgress, options);
        return;
      } catch (cause) {
        signal?.throwIfAborted();
        if (isDiskError(cause)) throw cause;
        failures = state.have > before ? 1 : failures + 1;
        if (cause instanceof FinalError || failures >= attempts) throw refusal(url, cause as Error);
        await delay(250 * 2 ** failures, undefined, signal ? { signal } : {});
      }
    }
  } finally {
    state.progress?.end();
  }
}

interface Transfer {
  /** Bytes in the file. */
  have: number;
  /** The server's mark of this version of the file. */
  validator: string | undefined;
  progress: Progress | undefined;
}

async function transfer(
  part: string,
  url: URL,
  state: Transfer,
  startProgress: (total: number) => void,
  { headers: own, largest, signal }: DownloadOptions,
): Promise<void> {
  const silence = new AbortController();
  const timer = setTimeout(
    () => silence.abort(new Error(`no data for ${silenceMilliseconds / 1000} s`)),
    silenceMilliseconds,
  );
  const range: Record<string, string> = state.have > 0 ? { range: `bytes=${state.have}-` } : {};
  if (state.have > 0 && state.validator !== undefined) range['if-range'] = state.validator;
  let file: FileHandle | undefined;
  try {
    const headers = { 'accept-encoding': 'identity', ...own, ...range };
    const response = await fetch(url, {
      headers,
      signal: AbortSignal.any(signal ? [signal, silence.signal] : [silence.signal]),
    });
    const whole = Number(response.headers.get('content-range')?.split('/')[1] ?? Number.NaN);
    if (response.status === 416 && state.have > 0) {
      if (whole === state.have) return;
      await restart(part, state);
      throw new Error('the server has another file now');
    }
    if (!response.ok || response.body === null) throw httpError(response.status);
    const goesOn =
      response.status === 206 &&
      response.headers.get('content-range')?.startsWith(`bytes ${state.have}-`) === true;
    if (!goesOn) await restart(part, state);
    state.validator = strongMark(response.headers);
    const length = response.headers.get('content-length');
    const total = length === null ? whole : state.have + Number(length);
    if (total > largest) throw new FinalError(`${total} bytes, more than ${largest}`);
    startProgress(total);
    file = await open(part, 'a');
    for await (const piece of response.body) {
      timer.refresh();
      state.have += piece.length;
      if (state.have > largest) throw new FinalError(`more than ${largest} bytes`);
      await file.appendFile(piece);
      state.progress?.update(state.have);
    }
    if (Number.isFinite(total) && state.have < total)
      throw new Error(`the connection closed after ${state.have} of ${total} bytes`);
  } finally {
    clearTimeout(timer);
    await file?.close();
  }
}

async function restart(part: string, state: Transfer): Promise<void> {
  await truncate(part, 0);
  state.have = 0;
  state.validator = undefined;
}

function strongMark(headers: Headers): string | undefined {
  const tag = headers.get('etag');
  return tag !== null && !tag.startsWith('W/') ? tag : undefined;
}

function httpError(status: number): Error {
  const passing = status >= 500 || status === 408 || status === 429;
  return passing
    ? new Error(`HTTP status ${status}`)
    : new FinalError(`HTTP status ${status}`, status);
}

function refusal(url: URL, cause: Error): RangeError {
  const { code, message } = (cause.cause ?? cause) as Error & { code?: string };
  return Object.assign(
    expectedError(
      'download',
      `a file from ${redactUrl(url)}`,
      message || code,
      'see whether the address and the network are right',
    ),
    {
      cause,
    },
  );
}

function diskError(place: string, cause: Error): RangeError {
  return Object.assign(
    expectedError(
      'download',
      `to write ${place}`,
      cause.message,
      'make room there or choose another cache folder',
    ),
    { cause },
  );
}

/** Of the file we write, not of the network. */
export function isDiskError(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return (
    (syscall === 'write' || syscall === 'mkdir' || syscall === 'open' || syscall === 'ftruncate') &&
    code !== undefined
  );
}

/** Which protocols `download` knows. */
export function assertHttpUrl(url: URL): void {
  ensure(
    url.protocol === 'http:' || url.protocol === 'https:',
    'download',
    'an address that starts with http:, https: or file:',
    `${url.protocol}//…`,
  );
}

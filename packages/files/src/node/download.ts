import { randomUUID } from 'node:crypto';
import {
  type FileHandle,
  open,
  readdir,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensure, expectedError, type Progress, type ProgressFactory } from '@kd/core';
import { ensureDirectory } from './atomicWrite.ts';
import { isProcessRunning } from './exists.ts';

/** Options of `download`. */
export interface DownloadOptions {
  readonly directory: string;
  /** Name of the file in the directory while it is being downloaded. */
  readonly name: string;
  /**
   * Whether a part of an earlier run may be continued: only if the caller verifies a checksum in
   * the
   * end.
   */
  readonly resume: boolean;
  /** A server that sends more is stopped. */
  readonly maxBytes: number;
  /** Name for people; `name` by default. */
  readonly label?: string | undefined;
  /** Sent to this URL, and not to another host that it redirects to: `authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

const attempts = 5;
const timeoutMilliseconds = 60_000;

/** An error that trying again will not change. */
class PermanentError extends Error {
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/**
 * Downloads into a file that belongs to this call alone. A broken connection is resumed where it
 * broke (HTTP Range), up to 5 times without progress; a server without Range starts again. If the
 * download fails in the end, or is aborted, its part is left for the next call.
 * @returns Path of the file; the caller removes it.
 * @throws RangeError that names the URL; if the server refused, its `cause` has the HTTP `status`.
 */
export async function download(url: URL, options: DownloadOptions): Promise<string> {
  const part = await claimPart(options.directory, options.name, options.resume).catch(
    (cause: Error) => {
      throw diskError(options.directory, cause);
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

/** Shows a URL without the parts that may be secret. */
export function redactUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

async function fetchInto(part: string, url: URL, options: DownloadOptions): Promise<void> {
  const { createProgress, name, label = name, signal } = options;
  const state: Transfer = {
    received: (await stat(part)).size,
    validator: undefined,
    progress: undefined,
  };
  const startProgress = (total: number): void => {
    state.progress ??= createProgress?.(`download ${label}`, total, 'B');
  };
  try {
    for (let failures = 0; ; ) {
      const before = state.received;
      try {
        await transfer(part, url, state, startProgress, options);
        return;
      } catch (cause) {
        signal?.throwIfAborted();
        if (isDiskError(cause)) throw cause;
        failures = state.received > before ? 1 : failures + 1;
        if (cause instanceof PermanentError || failures >= attempts)
          throw downloadError(url, cause as Error);
        await delay(250 * 2 ** failures, undefined, signal ? { signal } : {});
      }
    }
  } finally {
    state.progress?.end();
  }
}

interface Transfer {
  /** Bytes in the file. */
  received: number;
  /** The server's ETag of this version of the file. */
  validator: string | undefined;
  progress: Progress | undefined;
}

async function transfer(
  part: string,
  url: URL,
  state: Transfer,
  startProgress: (total: number) => void,
  { headers: own, maxBytes, signal }: DownloadOptions,
): Promise<void> {
  const timeout = new AbortController();
  const timer = setTimeout(
    () => timeout.abort(new Error(`no data for ${timeoutMilliseconds / 1000} s`)),
    timeoutMilliseconds,
  );
  const range: Record<string, string> =
    state.received > 0 ? { range: `bytes=${state.received}-` } : {};
  if (state.received > 0 && state.validator !== undefined) range['if-range'] = state.validator;
  let file: FileHandle | undefined;
  try {
    const headers = { 'accept-encoding': 'identity', ...own, ...range };
    const response = await fetch(url, {
      headers,
      signal: AbortSignal.any(signal ? [signal, timeout.signal] : [timeout.signal]),
    });
    const whole = Number(response.headers.get('content-range')?.split('/')[1] ?? Number.NaN);
    if (response.status === 416 && state.received > 0) {
      if (whole === state.received) return;
      await restart(part, state);
      throw new Error('the server has another file now');
    }
    if (!response.ok || response.body === null) throw httpError(response.status);
    const resumes =
      response.status === 206 &&
      response.headers.get('content-range')?.startsWith(`bytes ${state.received}-`) === true;
    if (!resumes) await restart(part, state);
    state.validator = strongEtag(response.headers);
    const length = response.headers.get('content-length');
    const total = length === null ? whole : state.received + Number(length);
    if (total > maxBytes) throw new PermanentError(`${total} bytes, more than ${maxBytes}`);
    startProgress(total);
    file = await open(part, 'a');
    for await (const piece of response.body) {
      timer.refresh();
      state.received += piece.length;
      if (state.received > maxBytes) throw new PermanentError(`more than ${maxBytes} bytes`);
      await file.appendFile(piece);
      state.progress?.update(state.received);
    }
    if (Number.isFinite(total) && state.received < total)
      throw new Error(`the connection closed after ${state.received} of ${total} bytes`);
  } finally {
    clearTimeout(timer);
    await file?.close();
  }
}

async function restart(part: string, state: Transfer): Promise<void> {
  await truncate(part, 0);
  state.received = 0;
  state.validator = undefined;
}

function strongEtag(headers: Headers): string | undefined {
  const tag = headers.get('etag');
  return tag !== null && !tag.startsWith('W/') ? tag : undefined;
}

function httpError(status: number): Error {
  const temporary = status >= 500 || status === 408 || status === 429;
  return temporary
    ? new Error(`HTTP status ${status}`)
    : new PermanentError(`HTTP status ${status}`, status);
}

function downloadError(url: URL, cause: Error): RangeError {
  const { code, message } = (cause.cause ?? cause) as Error & { code?: string };
  return Object.assign(
    expectedError(
      'download',
      `a file from ${redactUrl(url)}`,
      message || code,
      'check the URL and the network',
    ),
    {
      cause,
    },
  );
}

function diskError(path: string, cause: Error): RangeError {
  return Object.assign(
    expectedError(
      'download',
      `to write ${path}`,
      cause.message,
      'make room there or choose another cache directory',
    ),
    { cause },
  );
}

/** Whether an error is of the file that is written, not of the network. */
export function isDiskError(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return (
    (syscall === 'write' || syscall === 'mkdir' || syscall === 'open' || syscall === 'ftruncate') &&
    code !== undefined
  );
}

/** Throws unless `download` knows the protocol of a URL. */
export function assertHttpUrl(url: URL): void {
  ensure(
    url.protocol === 'http:' || url.protocol === 'https:',
    'download',
    'a URL that starts with http:, https: or file:',
    `${url.protocol}//…`,
  );
}

/**
 * Parts of this process. A part belongs to one download: `<name>.<host>.<process>.<id>.part`, so
 * that
 * two processes never write the same file. A part that was given up is called `<name>.part`; one
 * whose process has ended is recognized by the process number. Either is claimed by renaming it.
 */
const owned = new Set<string>();

/**
 * Claims a part for one download.
 * @param resume Whether an abandoned part may be continued. @returns Path of an existing file.
 */
async function claimPart(directory: string, name: string, resume: boolean): Promise<string> {
  await ensureDirectory(directory);
  const host = hostname().replace(/[^A-Za-z0-9-]/g, '-');
  const own = path.join(
    directory,
    `${name}.${host}.${process.pid}.${randomUUID().slice(0, 8)}.part`,
  );
  owned.add(own);
  if (resume) {
    for (const file of await readdir(directory)) {
      const candidate = path.join(directory, file);
      if (
        isAbandoned(file, name, host) &&
        !owned.has(candidate) &&
        (await tryRename(candidate, own))
      )
        return own;
    }
  }
  await writeFile(own, '', { flag: 'wx' });
  return own;
}

/** Leaves a part for a later download to continue. */
async function leavePart(part: string, name: string): Promise<void> {
  owned.delete(part);
  await tryRename(part, path.join(path.dirname(part), `${name}.part`));
}

function isAbandoned(file: string, name: string, host: string): boolean {
  if (file === `${name}.part`) return true;
  if (!file.startsWith(`${name}.${host}.`) || !file.endsWith('.part')) return false;
  const owner = Number(file.slice(`${name}.${host}.`.length).split('.')[0]);
  return (
    Number.isInteger(owner) && owner > 0 && (owner === process.pid || !isProcessRunning(owner))
  );
}

/** Renames a file. @returns false if another process was faster. */
async function tryRename(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

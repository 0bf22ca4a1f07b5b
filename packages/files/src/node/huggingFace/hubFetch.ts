import { setTimeout as delay } from 'node:timers/promises';
import { ensure, expectedError } from '@kd/core';
import type { HubSettings } from './hubSettings.ts';

const attempts = 3;
const patienceMilliseconds = 30_000;
/** Of an answer to a question, in bytes. A list of files is of some kB. */
const largestAnswer = 2 ** 25;

/**
 * `fetch` for what is asked of the hub: with the user's token, a time limit and a second try where
 * the network or the server stumbles.
 * @param address Whose, for messages. @param remedy Where the hub cannot be reached.
 * @throws RangeError where the hub refuses or cannot be reached.
 */
export function hubFetch(settings: HubSettings, address: string, remedy: string): typeof fetch {
  const { endpoint, token, signal } = settings;
  const once = async (
    input: Parameters<typeof fetch>[0],
    init: RequestInit | undefined,
  ): Promise<Response> => {
    const headers = new Headers(init?.headers);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    const patience = AbortSignal.timeout(patienceMilliseconds);
    const response = await fetch(input, {
      ...init,
      headers,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
    return new Response(await bounded(response, address), {
      status: response.status,
      headers: response.headers,
    });
  };
  return async (input, init) => {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await once(input, init);
        if (response.ok) return response;
        const passing = response.status >= 500 || response.status === 429;
        if (!passing || attempt === attempts)
          throw hubError(settings, address, response.status, response.headers.get('x-error-code'));
      } catch (cause) {
        signal?.throwIfAborted();
        if (cause instanceof RangeError) throw cause;
        if (attempt === attempts)
          throw Object.assign(
            expectedError(address, `an answer from ${endpoint}`, reasonOf(cause as Error), remedy),
            { cause },
          );
      }
      await delay(300 * 2 ** attempt, undefined, signal ? { signal } : {});
    }
  };
}

/** What a status means, and what can be done. @param code The hub's `x-error-code`. */
export function hubError(
  { endpoint, token }: HubSettings,
  address: string,
  status: number,
  code?: string | null,
): RangeError {
  const got = `HTTP status ${status}${code ? ` (${code})` : ''}`;
  if (status === 401) {
    const remedy =
      token === undefined
        ? 'set HF_TOKEN to a token that may read it'
        : 'see whether HF_TOKEN is valid and may read it';
    return expectedError(
      address,
      `to be let in by ${endpoint}`,
      got,
      `there is no such repository, or it is private or gated: ${remedy}`,
    );
  }
  if (status === 403)
    return expectedError(
      address,
      `to be let in by ${endpoint}`,
      got,
      'accept its terms on its page, with the account of HF_TOKEN',
    );
  if (status === 404) {
    const what =
      code === 'RevisionNotFound' ? 'revision' : code === 'EntryNotFound' ? 'file' : 'repository';
    return expectedError(
      address,
      `a ${what} on ${endpoint}`,
      got,
      'see whether its name is right, and HF_TOKEN where it is private',
    );
  }
  return expectedError(address, `an answer from ${endpoint}`, got, 'try again later');
}

async function bounded(response: Response, address: string): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    ensure(size <= largestAnswer, address, `an answer of at most ${largestAnswer} bytes`, 'more');
    pieces.push(piece);
  }
  return Uint8Array.from(Buffer.concat(pieces));
}

function reasonOf(error: Error): string {
  const { code, message } = (error.cause ?? error) as Error & { code?: string };
  return message || code || 'a failure';
}

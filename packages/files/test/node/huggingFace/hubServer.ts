import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendBytes, startTestServer } from '@kd/testing';
import { afterEach } from 'vitest';

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

export interface HubOptions {
  /**
   * By path in the repository `kd/tiny`. Those that git keeps itself, as the hub does with small
   * text, are the ones in `.json`.
   */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** The token that is asked for. */
  readonly token?: string;
  /** The first download breaks off after this many bytes. */
  readonly breakAfter?: number;
  /** Bytes that the second host sends in place of the right ones. */
  readonly altered?: Uint8Array;
  /** What the hub says of a file in place of the truth. */
  readonly said?: Readonly<Record<string, unknown>>;
  readonly siblings?: unknown;
}

export interface TestHub {
  readonly endpoint: string;
  /**
   * What was asked, in order: `GET /api/…`, `cdn bytes=70000-`; with `+token` where one came along.
   */
  readonly asked: string[];
  close(): Promise<void>;
}

/**
 * A hub on the loopback interface, which sends whoever downloads on to a second host, as the real
 * one does. They close after the test.
 */
export function testHubs(): (options: HubOptions) => Promise<TestHub> {
  const open: TestHub[] = [];
  afterEach(async () => {
    for (const hub of open.splice(0)) await hub.close();
  });
  return async (options) => {
    const hub = await startHub(options);
    open.push(hub);
    return hub;
  };
}

async function startHub(options: HubOptions): Promise<TestHub> {
  const asked: string[] = [];
  const note = (text: string, { headers }: IncomingMessage) =>
    void asked.push(headers.authorization === undefined ? text : `${text} +token`);
  let downloads = 0;
  const cdn = await startTestServer((request, response) => {
    note(`cdn ${request.headers.range ?? 'whole'}`, request);
    const bytes =
      options.altered ??
      (options.files[decodeURIComponent(request.url as string).slice(1)] as Uint8Array);
    response.setHeader('etag', '"same"');
    sendBytes(request, response, bytes, downloads++ === 0 ? options.breakAfter : undefined);
  });
  const hub = await startTestServer((request, response) => {
    note(`${request.method} ${(request.url as string).split('?')[0]}`, request);
    void answer(request, response, options, cdn.url.origin);
  });
  return {
    endpoint: hub.url.origin,
    asked,
    close: () => Promise.all([hub.close(), cdn.close()]).then(() => undefined),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: HubOptions,
  cdn: string,
): Promise<void> {
  const refuse = (status: number, code: string) =>
    response.writeHead(status, { 'x-error-code': code }).end();
  const json = (value: unknown) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const {
    files,
    token,
    said,
    siblings = Object.keys(files).map((rfilename) => ({ rfilename })),
  } = options;
  const path = decodeURIComponent((request.url as string).split('?')[0] as string);
  if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
    return void refuse(401, 'RepoNotFound');
  const match =
    /^\/api\/models\/kd\/tiny\/(revision|paths-info)\/(.+)$|^\/kd\/tiny\/resolve\/([^/]+)\/(.+)$/.exec(
      path,
    );
  if (match === null) return void refuse(404, 'RepoNotFound');
  const [, question, revision, , file = ''] = match;
  if (question === 'revision') {
    if (revision !== 'main' && revision !== COMMIT) return void refuse(404, 'RevisionNotFound');
    return void json({ _id: '1', id: 'kd/tiny', sha: COMMIT, siblings, ...said });
  }
  if (question === 'paths-info') {
    const { paths } = JSON.parse(await textOf(request)) as { paths: string[] };
    return void json(
      paths.flatMap((name) =>
        files[name] === undefined ? [] : [{ ...infoOf(name, files[name] as Uint8Array), ...said }],
      ),
    );
  }
  response.writeHead(302, { location: `${cdn}/${file}` }).end();
}

function infoOf(path: string, bytes: Uint8Array) {
  const info = { type: 'file', path, size: bytes.length };
  if (path.endsWith('.json'))
    return {
      ...info,
      oid: createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex'),
    };
  return {
    ...info,
    oid: 'a'.repeat(40),
    lfs: { oid: sha256Of(bytes), size: bytes.length, pointerSize: 134 },
  };
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function textOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendBytes, startTestServer } from '@kd/testing';
import { afterEach } from 'vitest';

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';
/** Commit of `refs/convert/parquet`. */
export const CONVERTED = '89abcdef0123456789abcdef0123456789abcdef';

/** Behaviour of a test hub. */
export interface HubOptions {
  /**
   * Files of the repository `kd/tiny` by path. Those in `.json` are stored in git, as small text is on
   * the hub.
   */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Kind of the repository; a model by default. */
  readonly kind?: 'model' | 'dataset';
  /** Files of its branch `refs/convert/parquet`, by paths that `files` has not. */
  readonly converted?: Readonly<Record<string, Uint8Array>>;
  /** Required token. */
  readonly token?: string;
  /** The first download breaks off after this many bytes. */
  readonly breakAfter?: number;
  /** Wrong bytes that the second host sends. */
  readonly altered?: Uint8Array;
  /** Wrong fields of the hub's answers. */
  readonly answer?: Readonly<Record<string, unknown>>;
  readonly siblings?: unknown;
}

/** A running test hub. */
export interface TestHub {
  readonly endpoint: string;
  /**
   * Requests in order: `GET /api/…`, `cdn bytes=70000-`; with `+token` if one was sent.
   */
  readonly requests: string[];
  close(): Promise<void>;
}

/**
 * Creates a function that starts a hub on the loopback interface, which redirects downloads to a
 * second host, as the real one does. Both are closed after the test.
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
  const requests: string[] = [];
  const log = (text: string, { headers }: IncomingMessage) =>
    void requests.push(headers.authorization === undefined ? text : `${text} +token`);
  let downloads = 0;
  const cdn = await startTestServer((request, response) => {
    log(`cdn ${request.headers.range ?? 'whole'}`, request);
    const bytes =
      options.altered ??
      ({ ...options.converted, ...options.files }[
        decodeURIComponent(request.url as string).slice(1)
      ] as Uint8Array);
    response.setHeader('etag', '"same"');
    sendBytes(request, response, bytes, downloads++ === 0 ? options.breakAfter : undefined);
  });
  const hub = await startTestServer((request, response) => {
    log(`${request.method} ${(request.url as string).split('?')[0]}`, request);
    void sendAnswer(request, response, options, cdn.url.origin);
  });
  return {
    endpoint: hub.url.origin,
    requests,
    close: () => Promise.all([hub.close(), cdn.close()]).then(() => undefined),
  };
}

async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  options: HubOptions,
  cdn: string,
): Promise<void> {
  const refuse = (status: number, code: string) =>
    response.writeHead(status, { 'x-error-code': code }).end();
  const json = (value: unknown) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const { converted, token, answer, kind = 'model' } = options;
  const path = decodeURIComponent((request.url as string).split('?')[0] as string);
  if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
    return void refuse(401, 'RepoNotFound');
  const match =
    /^\/api\/(models|datasets)\/kd\/tiny\/(revision|paths-info)\/(.+)$|^\/(datasets\/)?kd\/tiny\/resolve\/([^/]+)\/(.+)$/.exec(
      path,
    );
  if (match === null) return void refuse(404, 'RepoNotFound');
  const [, kinds = `${match[4] === undefined ? 'model' : 'dataset'}s`, question] = match;
  const [revision = match[5], file = ''] = [match[3], match[6]];
  if (kinds !== `${kind}s`) return void refuse(404, 'RepoNotFound');
  const isConverted = revision === 'refs/convert/parquet' || revision === CONVERTED;
  const files = isConverted ? (converted ?? {}) : options.files;
  if (question === 'revision') {
    const known = isConverted ? converted !== undefined : ['main', COMMIT].includes(revision ?? '');
    if (!known) return void refuse(404, 'RevisionNotFound');
    const { siblings = Object.keys(files).map((rfilename) => ({ rfilename })) } = options;
    const sha = isConverted ? CONVERTED : COMMIT;
    return void json({ _id: '1', id: 'kd/tiny', sha, siblings, ...answer });
  }
  if (question === 'paths-info') {
    const { paths } = JSON.parse(await readText(request)) as { paths: string[] };
    return void json(
      paths.flatMap((name) =>
        files[name] === undefined
          ? []
          : [{ ...fileInfo(name, files[name] as Uint8Array), ...answer }],
      ),
    );
  }
  response.writeHead(302, { location: `${cdn}/${file}` }).end();
}

function fileInfo(path: string, bytes: Uint8Array) {
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

async function readText(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestServer {
  readonly url: URL;
  /** The Range header of every request, in order. */
  readonly ranges: (string | undefined)[];
  close(): Promise<void>;
}

/** A server on the loopback interface. @param answer Gets the number of the request, from 0. */
export async function startTestServer(
  answer: (request: IncomingMessage, response: ServerResponse, number: number) => void,
  path = '/files/cifar.tar.gz',
): Promise<TestServer> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    answer(request, response, ranges.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`),
    ranges,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Sends bytes, or the asked range of them. @param stopAfter Bytes after which the connection is
 * torn down.
 */
export function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  stopAfter?: number,
): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const isPart = request.headers.range !== undefined;
  if (isPart && from >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  response.writeHead(isPart ? 206 : 200, {
    'content-length': bytes.length - from,
    ...(isPart && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
  });
  if (stopAfter === undefined) response.end(bytes.subarray(from));
  else
    response.write(bytes.subarray(from, from + stopAfter), () =>
      setTimeout(() => response.destroy(), 60),
    );
}

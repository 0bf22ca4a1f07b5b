import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { sendBytes, startTestServer, type TestServer, temporaryDirectories } from '@kd/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { download } from '../../src/node/download.ts';

const createDirectory = temporaryDirectories();
const content = Buffer.from(
  Uint8Array.from({ length: 200_000 }, (_, at) => (at * 7 + Math.floor(at / 256)) % 256),
);
let server: TestServer | undefined;
afterEach(() => server?.close());

const options = () => ({
  directory: createDirectory(),
  name: 'cifar.tar.gz',
  resume: true,
  maxBytes: 2 ** 30,
});

describe('download', () => {
  test('downloads the bytes and reports progress', async () => {
    server = await startTestServer((request, response) => sendBytes(request, response, content));
    const seen: (number | string)[] = [];
    const createProgress = (label: string, total: number, unit: string) => {
      seen.push(label, total, unit);
      return { update: (done: number) => void seen.push(done), end: () => void seen.push('end') };
    };
    const file = await download(server.url, { ...options(), createProgress });
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(seen.slice(0, 3)).toEqual(['download cifar.tar.gz', 200_000, 'B']);
    expect(seen.slice(-2)).toEqual([200_000, 'end']);
  });

  test('resumes where the connection broke', async () => {
    server = await startTestServer((request, response, number) =>
      sendBytes(request, response, content, number === 0 ? 70_000 : undefined),
    );
    const file = await download(server.url, options());
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(server.ranges).toEqual([undefined, 'bytes=70000-']);
  });

  test('starts again if the server ignores Range', async () => {
    server = await startTestServer((request, response, number) => {
      delete request.headers.range;
      sendBytes(request, response, content, number === 0 ? 70_000 : undefined);
    });
    const file = await download(server.url, options());
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(server.ranges).toEqual([undefined, 'bytes=70000-']);
  });

  test('starts again if the server has another file by now', async () => {
    server = await startTestServer((request, response, number) => {
      response.setHeader('etag', number === 0 ? '"old"' : '"new"');
      if (request.headers['if-range'] === '"old"') delete request.headers.range;
      sendBytes(request, response, content, number === 0 ? 70_000 : undefined);
    });
    expect(readFileSync(await download(server.url, options())).equals(content)).toBe(true);
  });

  test('an aborted download is resumed by the next call', async () => {
    const stop = new AbortController();
    server = await startTestServer((request, response, number) => {
      if (number > 0) return sendBytes(request, response, content);
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 50_000));
    });
    const same = options();
    const arrived = () =>
      expect(
        readdirSync(same.directory).map((name) => statSync(path.join(same.directory, name)).size),
      ).toEqual([50_000]);
    void vi.waitFor(arrived, { timeout: 10_000 }).then(() => stop.abort(new Error('stopped')));
    await expect(download(server.url, { ...same, signal: stop.signal })).rejects.toThrow('stopped');
    expect(readdirSync(same.directory)).toEqual(['cifar.tar.gz.part']);
    const file = await download(server.url, same);
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(server.ranges).toEqual([undefined, 'bytes=50000-']);
  });

  test('so is one whose process was killed, even if it is complete', async () => {
    server = await startTestServer((request, response) => sendBytes(request, response, content));
    const same = options();
    // No process has this number: they end at 2²² on Linux, far below elsewhere.
    writeFileSync(
      path.join(
        same.directory,
        `cifar.tar.gz.${hostname().replace(/[^A-Za-z0-9-]/g, '-')}.99999999.0a0a0a0a.part`,
      ),
      content,
    );
    const file = await download(server.url, same);
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(server.ranges).toEqual(['bytes=200000-']);
    expect(readdirSync(same.directory)).toEqual([path.basename(file)]);
  });

  test('the part of another run is not used without a checksum to verify it', async () => {
    server = await startTestServer((request, response) => sendBytes(request, response, content));
    const same = { ...options(), resume: false };
    writeFileSync(path.join(same.directory, 'cifar.tar.gz.part'), 'something else');
    expect(readFileSync(await download(server.url, same)).equals(content)).toBe(true);
  });

  test('two concurrent downloads use separate files', async () => {
    server = await startTestServer((request, response) => sendBytes(request, response, content));
    const same = options();
    const [one, other] = await Promise.all([
      download(server.url, same),
      download(server.url, same),
    ]);
    expect(one).not.toBe(other);
    expect(readFileSync(one).equals(readFileSync(other))).toBe(true);
  });

  test('gives up at once on a permanent error, in one line without the secret parts of the URL', async () => {
    server = await startTestServer((_, response) => response.writeHead(404).end());
    const secret = new URL(server.url);
    secret.search = '?token=secret';
    const message = `download: expected a file from ${server.url.href}, got HTTP status 404; check the URL and the network.`;
    const same = { ...options(), resume: false };
    await expect(download(secret, same)).rejects.toHaveProperty('message', message);
    expect(server.ranges.length).toBe(1);
    expect(readdirSync(same.directory)).toEqual([]);
  });

  test('names the directory if it cannot be written', async () => {
    server = await startTestServer((request, response) => sendBytes(request, response, content));
    const taken = path.join(createDirectory(), 'a file');
    writeFileSync(taken, '');
    const message = `download: expected to write ${taken}, got EEXIST: file already exists, mkdir '${taken}'; make room there or choose another cache directory.`;
    await expect(download(server.url, { ...options(), directory: taken })).rejects.toHaveProperty(
      'message',
      message,
    );
    expect(server.ranges).toEqual([]);
  });

  test('a file above the limit is stopped', async () => {
    server = await startTestServer((_, response) => {
      response.writeHead(200, { 'content-length': 2 ** 31 });
      response.write('a');
    });
    await expect(download(server.url, options())).rejects.toThrow(
      'got 2147483648 bytes, more than 1073741824;',
    );
  });
});

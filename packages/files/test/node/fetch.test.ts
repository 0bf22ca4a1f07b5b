import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { sendBytes, startTestServer, type TestServer, temporaryDirectories } from '@kd/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../../src/index.ts';
import { cacheDirectoryFor } from '../../src/node/cacheDirectory.ts';
import { npmTarball } from '../../src/node/fetch/npmTarball.ts';
import { cacheDirectory, fetchFile } from '../../src/node/index.ts';
import { sha256Of } from '../support/hubServer.ts';

const createDirectory = temporaryDirectories();
const numbers = Float32Array.from({ length: 50_000 }, (_, at) => at / 7);
const model = encodeSafetensors({
  'fc.weight': { dtype: 'F32', shape: [50, 1000], data: numbers },
});
const sha256 = sha256Of(model);
let server: TestServer | undefined;
afterEach(() => server?.close());

const messageOf = (promise: Promise<unknown>) =>
  promise.then(String, (error: Error) => error.message);

test('a URL is downloaded once, and resumed if its sha256 is known', async () => {
  server = await startTestServer(
    (request, response, number) =>
      sendBytes(request, response, model, number === 0 ? 70_000 : undefined),
    '/models/tiny.safetensors',
  );
  const cache = createDirectory();
  const fetched = await fetchFile(server.url, { cache, sha256 });
  expect(decodeSafetensors(readFileSync(fetched.path), 'tiny').tensors['fc.weight']?.data).toEqual(
    numbers,
  );
  expect(fetched.metadata).toEqual({ source: server.url.href, sha256 });
  await fetchFile(server.url.href, { cache });
  expect(server.ranges).toEqual([undefined, 'bytes=70000-']);
});

test('a file with another sha256 is refused, wherever it is', async () => {
  server = await startTestServer(
    (request, response) => sendBytes(request, response, model),
    '/tiny.safetensors',
  );
  const cache = createDirectory();
  const wrong = 'f'.repeat(64);
  expect(await messageOf(fetchFile(server.url, { cache, sha256: wrong }))).toBe(
    `${server.url.href}: expected sha256 ${wrong}, got ${sha256}; what the server sent is another file, altered or cut short: try again.`,
  );
  expect(
    readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()),
  ).toEqual([]);
  const file = path.join(createDirectory(), 'tiny.safetensors');
  writeFileSync(file, model);
  for (const source of [file, pathToFileURL(file)]) {
    expect(await messageOf(fetchFile(source, { sha256: wrong }))).toBe(
      `tiny.safetensors: expected sha256 ${wrong}, got ${sha256}; it is another file, or altered.`,
    );
    expect((await fetchFile(source, { sha256: sha256.toUpperCase() })).metadata).toEqual({});
  }
});

test("the digits in torchvision's file names are a checksum", async () => {
  server = await startTestServer(
    (request, response) => sendBytes(request, response, model),
    `/tiny-${sha256.slice(0, 8)}.safetensors`,
  );
  const cache = createDirectory();
  await fetchFile(server.url, { cache });
  const wrong = new URL('/tiny-00000000.safetensors', server.url);
  expect(await messageOf(fetchFile(wrong, { cache }))).toMatch(
    `${wrong.href}: expected sha256 00000000, got ${sha256};`,
  );
});

const content = Buffer.from('a tarball');
const sha512 = createHash('sha512').update(content).digest('hex');
const before = process.env.npm_execpath;
afterEach(async () => {
  if (before === undefined) delete process.env.npm_execpath;
  else process.env.npm_execpath = before;
  await server?.close();
});

/** An npm that answers `view` with an address and `pack` with a file, or fails. */
function pretendNpm(address: string, packs: boolean): void {
  const file = path.join(createDirectory(), 'npm-cli.cjs');
  const pack = packs
    ? `require('fs').writeFileSync(words[words.indexOf('--pack-destination') + 1] + '/x-1.0.0.tgz', 'a tarball');`
    : `console.error('npm error code E404'); process.exit(1);`;
  writeFileSync(
    file,
    `const words = process.argv.slice(2); if (words[0] === 'view') console.log(JSON.stringify('${address}')); else { ${pack} }`,
  );
  process.env.npm_execpath = file;
}

describe('npmTarball', () => {
  test('requests the URL from npm and downloads', async () => {
    server = await startTestServer((request, response) => sendBytes(request, response, content));
    pretendNpm(server.url.href, false);
    const directory = createDirectory();
    const file = await npmTarball('x@1.0.0', sha512, { directory, log: () => {} });
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(readdirSync(directory)).toEqual([path.basename(file)]);
  });

  test('npm fetches what cannot be downloaded, and this is logged', async () => {
    server = await startTestServer((_, response) => response.writeHead(401).end());
    pretendNpm(server.url.href, true);
    const lines: string[] = [];
    const directory = createDirectory();
    const file = await npmTarball('x@1.0.0', sha512, {
      directory,
      log: (line) => lines.push(line),
    });
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(lines).toEqual([
      expect.stringMatching(
        /^npm pack fetches x@1\.0\.0, since the download failed: download: .* got HTTP status 401; .*\.$/,
      ),
    ]);
  });

  test('the error has the message of npm and a remedy', async () => {
    server = await startTestServer((_, response) => response.writeHead(404).end());
    pretendNpm(server.url.href, false);
    const directory = createDirectory();
    const message =
      'npm package x@1.0.0: expected npm to fetch it, got npm error code E404; try `npm pack` by hand.';
    await expect(
      npmTarball('x@1.0.0', sha512, { directory, log: () => {} }),
    ).rejects.toHaveProperty('message', message);
    expect(readdirSync(directory).filter((name) => name.startsWith('npm-pack'))).toEqual([]);
  });

  test('refuses an altered tarball and leaves no file', async () => {
    server = await startTestServer((request, response) =>
      sendBytes(request, response, Buffer.from('another')),
    );
    pretendNpm(server.url.href, false);
    const directory = createDirectory();
    await expect(npmTarball('x@1.0.0', sha512, { directory, log: () => {} })).rejects.toThrow(
      /^npm package x@1\.0\.0: expected sha512 [0-9a-f]{16}…, got [0-9a-f]{16}…; what the registry sent is altered/,
    );
    expect(readdirSync(directory)).toEqual([]);
  });
});

const rows: [string, NodeJS.Platform, Record<string, string>, string][] = [
  ['/home/ada/.cache/kd', 'linux', {}, '/home/ada'],
  ['/fast/kd', 'linux', { XDG_CACHE_HOME: '/fast' }, '/home/ada'],
  ['/home/ada/.cache/kd', 'linux', { XDG_CACHE_HOME: 'relative' }, '/home/ada'],
  ['/home/ada/.cache/kd', 'linux', { XDG_CACHE_HOME: '', KD_CACHE: '' }, '/home/ada'],
  ['/data/sets', 'linux', { XDG_CACHE_HOME: '/fast', KD_CACHE: '/data/sets' }, '/home/ada'],
  ['/Users/ada/Library/Caches/kd', 'darwin', {}, '/Users/ada'],
  [
    'C:\\Users\\ada\\AppData\\Local\\kd',
    'win32',
    { LOCALAPPDATA: 'C:\\Users\\ada\\AppData\\Local' },
    'C:\\Users\\ada',
  ],
  ['C:\\Users\\ada\\AppData\\Local\\kd', 'win32', {}, 'C:\\Users\\ada'],
  ['D:\\sets', 'win32', { KD_CACHE: 'D:\\sets' }, 'C:\\Users\\ada'],
];

test.each(rows)('%s on %s with %j', (directory, platform, environment, home) => {
  expect(cacheDirectoryFor(platform, environment, home)).toBe(directory);
});

test('the environment of this process is read', () => {
  process.env.KD_CACHE = '/data/sets';
  expect(cacheDirectory()).toMatch(/[\\/]data[\\/]sets$/);
  delete process.env.KD_CACHE;
});

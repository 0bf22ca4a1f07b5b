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

/** What the linter says of a file with this text in this place; the tree itself stays as it is. */
async function lintAt(place: string, text: string): Promise<string> {
  const file = join(tree, place);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return (
    await runTool('@biomejs/biome', ['lint', '--colors=off', '--vcs-enabled=false', file], {
      folder: tree,
    })
  ).output;
}

const shorts = publishedPackages().map((each) => each.short);
const siblings = shorts.filter((short) => short !== 'core');

describe('import directions', () => {
  test.each(shorts)('@kd/%s imports none of its siblings', async (short) => {
    const others = siblings.filter((other) => other !== short);
    const said = await lintAt(
      `packages/${short}/src/forbidden.ts`,
      others.map((other) => `export { x as ${other} } from '@kd/${other}';\n`).join(''),
    );
    expect(said.match(/lint\/style\/noRestrictedImports/g)).toHaveLength(others.length);
  });

  test.each(siblings)('@kd/%s imports @kd/core', async (short) => {
    expect(
      await lintAt(`packages/${short}/src/allowed.ts`, "export { ensure } from '@kd/core';\n"),
    ).not.toContain('noRestrictedImports');
  });

  test('a way round by a relative path is no way', async () => {
    expect(
      await lintAt(
        'packages/losses/src/forbidden.ts',
        "export { train } from '../../trainer/src/train.ts';\n",
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
  test('imports no Node module and reads no process', async () => {
    const text =
      "import { readFileSync } from 'node:fs';\nexport const read = () => readFileSync(process.argv[1] ?? '');\n";
    const said = await lintAt('packages/data/src/forbidden.ts', text);
    expect(said).toContain('noNodejsModules');
    expect(said).toContain('noRestrictedGlobals');
  });

  test('may do both under node/', async () => {
    const text =
      "import { readFileSync } from 'node:fs';\nexport const read = () => readFileSync(process.argv[1] ?? '');\n";
    const said = await lintAt('packages/data/src/node/allowed.ts', text);
    expect(said).not.toMatch(/noNodejsModules|noRestrictedGlobals/);
  });

  test('draws from no unseeded generator', async () => {
    expect(
      await lintAt(
        'packages/models/src/forbidden.ts',
        'export const draw = () => Math.random();\n',
      ),
    ).toContain('Draw from a seed');
  });
});

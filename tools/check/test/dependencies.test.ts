import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../src/process.ts';

/** The fields of a package.json that name other packages. */
const FIELDS = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'] as const;

async function dependenciesOf(folder: string): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<string, Record<string, string> | undefined>;
  return FIELDS.flatMap((field) => Object.keys(manifest[field] ?? {}));
}

test('every dependency is explained in docs/decisions/dependencies.md, and nothing else is', async () => {
  const groups = await Promise.all(['packages', 'tools', 'examples'].map(async (group) => (await readdir(join(root, group))).map((name) => join(root, group, name))));
  const used = (await Promise.all([root, join(root, 'bench'), ...groups.flat()].map(dependenciesOf))).flat().filter((name) => !name.startsWith('@kd/'));
  const page = await readFile(join(root, 'docs/decisions/dependencies.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| '));
  const explained = rows.flatMap((row) => [...row.slice(0, row.lastIndexOf('|', row.length - 3)).matchAll(/`([^`]+)`/g)].map((match) => match[1]));
  expect([...new Set(explained)].filter((name) => name?.startsWith('@kd/') === false).sort()).toEqual([...new Set(used)].sort());
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../src/process.ts';

/** The fields of a package.json that name other packages. */
const fields = [
  'dependencies',
  'devDependencies',
  'peerDependencies',
  'optionalDependencies',
] as const;

function workspaces(): string[] {
  const inside = ['packages', 'tools', 'examples'].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => join(group, name)),
  );
  return ['.', 'bench', ...inside];
}

function dependenciesOf(workspace: string): string[] {
  const manifest = JSON.parse(
    readFileSync(join(root, workspace, 'package.json'), 'utf8'),
  ) as Record<string, Record<string, string> | undefined>;
  return fields.flatMap((field) => Object.keys(manifest[field] ?? {}));
}

/** The names in backticks in all cells of a table row but the last, which is the reason. */
function namesIn(row: string): string[] {
  const cells = row.split('|').slice(1, -2).join(' ');
  return [...cells.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);
}

function foreign(names: readonly string[]): string[] {
  return [...new Set(names)].filter((name) => !name.startsWith('@kd/')).sort();
}

test('docs/decisions/dependencies.md explains every dependency, and nothing else', () => {
  const rows = readFileSync(join(root, 'docs/decisions/dependencies.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '));
  expect(foreign(rows.flatMap(namesIn))).toEqual(foreign(workspaces().flatMap(dependenciesOf)));
});

import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { publishedPackages } from '../src/packages.ts';
import { root } from '../src/process.ts';
import { findLines, listFiles, readText } from '../src/sources.ts';

test('every package has a readme and the licence', () => {
  const missing = publishedPackages().flatMap(({ short }) =>
    ['README.md', 'LICENSE'].map((name) => `packages/${short}/${name}`),
  );
  expect(missing.filter((name) => !existsSync(join(root, name)))).toEqual([]);
});

test('the lock file names no registry', () => {
  expect(findLines(/"resolved": "http/, ['package-lock.json'])).toEqual([]);
});

test('links in Markdown lead somewhere', () => {
  const broken = listFiles('*.md').flatMap((name) => {
    const links = [...readText(name).matchAll(/\]\(([^)#:\s]+)(#[^)]*)?\)/g)].map(
      (match) => match[1] as string,
    );
    return links
      .filter((link) => !existsSync(join(root, name, '..', link)))
      .map((link) => `${name}: ${link}`);
  });
  expect(broken).toEqual([]);
});

test('docs start our commands by the names of our packages: npx kd would fetch another one', () => {
  const plain = /\bnpx (-y |--yes )?kd\b(?!-)/;
  expect(findLines(plain, listFiles('*.md', '*/src/*.ts', '*.js'))).toEqual([]);
});

test('docs/decisions/README.md lists every decision', () => {
  const page = readText('docs/decisions/README.md');
  const unlisted = listFiles('docs/decisions/*.md').filter(
    (name) => !name.endsWith('README.md') && !page.includes(`(${basename(name)})`),
  );
  expect(unlisted).toEqual([]);
});

test('every trap names a test that exists', () => {
  const rows = [...readText('docs/traps.md').matchAll(/\| `([^`]+\/test\/[^`]+\.ts)`: (.+) \|$/gm)];
  expect(rows.length).toBeGreaterThan(25);
  const missing = rows.filter(
    ([, file, title]) =>
      !existsSync(join(root, file as string)) ||
      !readText(file as string).includes((title as string).replaceAll('\\|', '|')),
  );
  expect(missing.map(([, file, title]) => `${file}: ${title}`)).toEqual([]);
});

/** The fields of a package.json that name other packages. */
const fields = [
  'dependencies',
  'devDependencies',
  'peerDependencies',
  'optionalDependencies',
] as const;

function listWorkspaces(): string[] {
  const inside = ['packages', 'tools', 'examples'].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => join(group, name)),
  );
  return ['.', 'bench', ...inside].filter((each) => existsSync(join(root, each, 'package.json')));
}

function readDependencies(workspace: string): string[] {
  const manifest = JSON.parse(readText(join(workspace, 'package.json'))) as Record<
    string,
    Record<string, string> | undefined
  >;
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
  const rows = readText('docs/decisions/dependencies.md')
    .split('\n')
    .filter((line) => line.startsWith('| '));
  expect(foreign(rows.flatMap(namesIn))).toEqual(
    foreign(listWorkspaces().flatMap(readDependencies)),
  );
});

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { publishedPackages } from '../src/packages.ts';
import { root } from '../src/process.ts';

/** Files that git knows or would add, below the root. */
function files(...patterns: string[]): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...patterns],
    { cwd: root, encoding: 'utf8' },
  );
  return listed.split('\n').filter((name) => name !== '' && existsSync(join(root, name)));
}

/** `file:line` of every line that the pattern finds. */
function linesLike(pattern: RegExp, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const lines = readFileSync(join(root, name), 'utf8').split('\n');
    return lines.flatMap((line, at) => (pattern.test(line) ? [`${name}:${at + 1}`] : []));
  });
}

test('no module keeps state in a variable of its own', () => {
  expect(linesLike(/^(export )?let /, files('packages/*/src/*.ts'))).toEqual([]);
});

test('every package has a readme and the licence', () => {
  const missing = publishedPackages().flatMap(({ short }) =>
    ['README.md', 'LICENSE'].map((name) => `packages/${short}/${name}`),
  );
  expect(missing.filter((name) => !existsSync(join(root, name)))).toEqual([]);
});

test('the lock file names no registry', () => {
  expect(linesLike(/"resolved": "http/, ['package-lock.json'])).toEqual([]);
});

test('links in Markdown lead somewhere', () => {
  const broken = files('*.md').flatMap((name) => {
    const links = [
      ...readFileSync(join(root, name), 'utf8').matchAll(/\]\(([^)#:\s]+)(#[^)]*)?\)/g),
    ].map((match) => match[1] as string);
    return links
      .filter((link) => !existsSync(join(root, name, '..', link)))
      .map((link) => `${name}: ${link}`);
  });
  expect(broken).toEqual([]);
});

test('docs/decisions/README.md lists every decision', () => {
  const page = readFileSync(join(root, 'docs/decisions/README.md'), 'utf8');
  const unlisted = files('docs/decisions/*.md').filter(
    (name) => !name.endsWith('README.md') && !page.includes(`(${basename(name)})`),
  );
  expect(unlisted).toEqual([]);
});

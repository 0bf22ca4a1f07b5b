import { expect, test } from 'vitest';
import {
  directoryGraph,
  fileGraph,
  findCycles,
  findLines,
  listFiles,
  readText,
} from '../src/sources.ts';

const workspaces = ['packages/*', 'examples/*', 'tools/*', 'bench'];
const sources = listFiles(
  ...workspaces.map((workspace) => `${workspace}/src/*.ts`),
  'packages/engine/conformance/*.ts',
  'examples/*/*.ts',
);
const tests = listFiles(...workspaces.map((workspace) => `${workspace}/test/*.ts`));

/** Files under 15 lines, and why they stand alone. */
const shortFiles: Readonly<Record<string, string>> = {
  'examples/browser/src/bare/main.ts': 'the whole of the page that ours is measured against',
  'examples/browser/src/vite.d.ts': 'what vite makes true',
  'packages/cli/src/main.ts': 'the program kd',
  'packages/core/src/internal.ts': 'the entry point @kd/core/internal',
  'packages/engine/src/node/command.ts': 'the program kd-engine',
  'packages/engine/src/providers/cpu.ts': 'one provider a file',
};

test('cycles are found, self-made ones included', () => {
  const graph = (edges: Record<string, string[]>) =>
    new Map(Object.entries(edges).map(([node, to]) => [node, new Set(to)]));
  expect(findCycles(graph({ a: ['b'], b: ['c'], c: ['b', 'd'], d: [] }))).toEqual([['c', 'b']]);
  expect(findCycles(graph({ a: ['b', 'c'], b: ['c'], c: ['elsewhere'] }))).toEqual([]);
  expect(
    directoryGraph(
      graph({
        'p/a/one.ts': ['p/b/two.ts'],
        'p/b/two.ts': ['p/b/three.ts', 'p/index.ts'],
        'p/index.ts': ['p/a/one.ts'],
      }),
    ),
  ).toEqual(graph({ 'p/a': ['p/b'], 'p/b': [] }));
});

test('no file imports a file that imports it, by value or by type', () => {
  expect(findCycles(fileGraph(sources))).toEqual([]);
});

test('no directory imports from a directory that imports from it, by value or by type', () => {
  expect(findCycles(directoryGraph(fileGraph(sources)))).toEqual([]);
});

test('no workspace imports a file of another by its path', () => {
  const workspaceOf = (name: string) => /^(bench|[^/]+\/[^/]+)/.exec(name)?.[0];
  const foreign = [...fileGraph(sources)].flatMap(([file, imports]) =>
    [...imports]
      .filter((imported) => workspaceOf(imported) !== workspaceOf(file))
      .map((imported) => `${file} → ${imported}`),
  );
  expect(foreign).toEqual([]);
});

test('no file is too long, and none is short without a reason', () => {
  const lines = (name: string) => readText(name).split('\n').length - 1;
  expect(sources.filter((name) => lines(name) > 500)).toEqual([]);
  const short = sources.filter((name) => lines(name) < 15 && !/\/(index|browser)\.ts$/.test(name));
  expect(short.filter((name) => !(name in shortFiles))).toEqual([]);
});

test('hardly a line is longer than 100 columns', () => {
  const all = [...sources, ...tests];
  const lines = all.reduce((sum, name) => sum + readText(name).split('\n').length - 1, 0);
  expect(findLines(/^.{101}/, all).length / lines).toBeLessThan(0.01);
  expect(findLines(/^.{101}/, sources).length / lines).toBeLessThan(0.01);
});

test('no module keeps state in a variable of its own', () => {
  expect(findLines(/^(export )?let /, listFiles('packages/*/src/*.ts'))).toEqual([]);
});

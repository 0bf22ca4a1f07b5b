import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { root } from './process.ts';

/** Files that git tracks or would add, relative to the root, by `git ls-files` patterns. */
export function listFiles(...patterns: string[]): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...patterns],
    { cwd: root, encoding: 'utf8' },
  );
  return [...new Set(listed.split('\n'))].filter(
    (name) => name !== '' && existsSync(join(root, name)),
  );
}

/** The text of a file of the repository. */
export function readText(name: string): string {
  return readFileSync(join(root, name), 'utf8');
}

/** `file:line` of every line that matches. */
export function findLines(pattern: RegExp, names: readonly string[]): string[] {
  return names.flatMap((name) =>
    readText(name)
      .split('\n')
      .flatMap((line, at) => (pattern.test(line) ? [`${name}:${at + 1}`] : [])),
  );
}

/** A directed graph: every node with those that it points to. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Which file imports which by a relative path, types included. */
export function fileGraph(names: readonly string[]): Graph {
  const relative = /(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g;
  return new Map(
    names.map((name) => [
      name,
      new Set(
        [...readText(name).matchAll(relative)].map(([, path]) =>
          normalize(join(dirname(name), path as string)),
        ),
      ),
    ]),
  );
}

/** Entry points: they gather what a package exports, so they may stand in a directory of any layer. */
const entryPoint = /\/(index|browser)\.ts$/;

/** Which directory imports from which; entry points are left out. */
export function directoryGraph(files: Graph): Graph {
  const directories = new Map<string, Set<string>>();
  const targetsOf = (directory: string): Set<string> => {
    const targets = directories.get(directory) ?? new Set();
    directories.set(directory, targets);
    return targets;
  };
  for (const [file, imports] of files) {
    if (entryPoint.test(file)) continue;
    const targets = targetsOf(dirname(file));
    for (const imported of imports) {
      if (entryPoint.test(imported) || dirname(imported) === dirname(file)) continue;
      targets.add(dirname(imported));
      targetsOf(dirname(imported));
    }
  }
  return directories;
}

/** The strongly connected components of more than one node, each as its nodes (Tarjan, 1972). */
export function findCycles(graph: Graph): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[][] = [];
  const visit = (node: string): void => {
    index.set(node, index.size);
    low.set(node, index.get(node) as number);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!graph.has(next)) continue;
      if (!index.has(next)) visit(next);
      if (stack.includes(next))
        low.set(node, Math.min(low.get(node) as number, low.get(next) as number));
    }
    if (low.get(node) !== index.get(node)) return;
    const component = stack.splice(stack.indexOf(node));
    if (component.length > 1) cycles.push(component.reverse());
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return cycles;
}

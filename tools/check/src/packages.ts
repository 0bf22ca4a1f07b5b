import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Outcome, root, runNode, runNpm } from './process.ts';
import { firstSnippet } from './snippets.ts';

/** A package that is published. */
export interface PublishedPackage {
  /** `@kd/core`. */
  readonly name: string;
  /** `core`. */
  readonly short: string;
  readonly directory: string;
}

/** Every directory of `packages/`, by name. */
export function publishedPackages(): PublishedPackage[] {
  const shorts = readdirSync(join(root, 'packages')).sort();
  return shorts.map((short) => {
    const directory = join(root, 'packages', short);
    const { name } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
      name: string;
    };
    return { name, short, directory };
  });
}

/** `./packages/core` and the others, relative to the root. */
export function packageDirectories(): string[] {
  return publishedPackages().map(({ short }) => `./packages/${short}`);
}

/**
 * Packs every published package as `npm publish` would. @returns The paths of the tarballs. @throws
 * Error where npm fails.
 */
export async function packAll(into: string): Promise<string[]> {
  const directories = packageDirectories();
  const { ok, output } = await runNpm([
    'pack',
    '--silent',
    '--pack-destination',
    into,
    ...directories,
  ]);
  const tarballs = readdirSync(into).filter((name) => name.endsWith('.tgz'));
  if (!ok || tarballs.length !== directories.length) {
    throw new Error(
      `packAll: expected ${directories.length} tarballs, got ${tarballs.length}; npm pack printed: ${output}`,
    );
  }
  return tarballs.map((name) => join(into, name));
}

/** What a user installs beside the packages. */
const peers = ['@tensorflow/tfjs-core@^4.22.0', '@tensorflow/tfjs-layers@^4.22.0'];

/** First snippets that run at once. */
const PARALLEL = 2;

/**
 * Installs the packed packages in an empty project as a user would, install scripts allowed, and
 * runs every README's first snippet there with plain Node.
 */
export async function installAndRun(tarballs: readonly string[]): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'kd-install-'));
  try {
    await writeFile(join(directory, 'package.json'), '{ "private": true, "type": "module" }');
    // What `npm ci` has just fetched need not be asked for again.
    const installed = await runNpm(
      ['install', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs, ...peers],
      {
        directory,
        env: { npm_config_ignore_scripts: 'false', npm_config_local_prefix: undefined },
      },
    );
    if (!installed.ok) return installed;
    return await runFirstSnippets(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runFirstSnippets(directory: string): Promise<Outcome> {
  const readmes = [...publishedPackages().map((each) => each.directory), root].map((each) =>
    join(each, 'README.md'),
  );
  const failures: string[] = [];
  const work = async (): Promise<void> => {
    for (let readme = readmes.shift(); readme !== undefined; readme = readmes.shift()) {
      const file = `snippet-${readmes.length}.js`;
      const { ok, output } = await firstSnippet(readme)
        .then((snippet) => writeFile(join(directory, file), snippet))
        .then(() => runNode([file], { directory, priority: 10 }))
        .catch((error: unknown): Outcome => ({ ok: false, output: String(error) }));
      if (!ok)
        failures.push(
          `${readme}: the first snippet fails in a project that installed the packages:\n${output}`,
        );
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return { ok: failures.length === 0, output: failures.join('\n') };
}

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runNpm } from './process.ts';

/** A package that is published. */
export interface PublishedPackage {
  /** `@kd/core`. */
  readonly name: string;
  /** `core`. */
  readonly short: string;
  readonly folder: string;
}

/** Every folder of `packages/`, by name. */
export function publishedPackages(): PublishedPackage[] {
  const shorts = readdirSync(join(root, 'packages')).sort();
  return shorts.map((short) => {
    const folder = join(root, 'packages', short);
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      name: string;
    };
    return { name, short, folder };
  });
}

/**
 * Packs every published package as `npm publish` would. @returns The paths of the tarballs. @throws
 * Where npm fails.
 */
export async function packAll(into: string): Promise<string[]> {
  const folders = publishedPackages().map((each) => `./packages/${each.short}`);
  const { ok, output } = await runNpm(['pack', '--silent', '--pack-destination', into, ...folders]);
  const tarballs = readdirSync(into).filter((name) => name.endsWith('.tgz'));
  if (!ok || tarballs.length !== folders.length) {
    throw new Error(
      `packAll: expected ${folders.length} tarballs, got ${tarballs.length}; npm pack said: ${output}`,
    );
  }
  return tarballs.map((name) => join(into, name));
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publishedPackages } from './packages.ts';
import { type Outcome, root, runNode, runNpm } from './process.ts';
import { firstSnippet } from './snippets.ts';

/** What a user installs beside the packages. */
const peers = ['@tensorflow/tfjs-core@^4.22.0', '@tensorflow/tfjs-layers@^4.22.0'];

/**
 * Installs the packed packages in an empty project as a user would, install scripts allowed, and
 * runs every README's first snippet there with plain Node.
 */
export async function installAndRun(tarballs: readonly string[]): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'kd-install-'));
  try {
    await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    const environment = { npm_config_ignore_scripts: 'false', npm_config_local_prefix: undefined };
    const installed = await runNpm(['install', '--no-audit', '--no-fund', ...tarballs, ...peers], {
      folder,
      environment,
    });
    if (!installed.ok) return installed;
    for (const readme of [
      ...publishedPackages().map((each) => join(each.folder, 'README.md')),
      join(root, 'README.md'),
    ]) {
      await writeFile(join(folder, 'snippet.js'), await firstSnippet(readme));
      const { ok, output } = await runNode(['snippet.js'], { folder });
      if (!ok)
        return {
          ok,
          output: `${readme}: the first snippet fails in a project that installed the packages:\n${output}`,
        };
    }
    return { ok: true, output: '' };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

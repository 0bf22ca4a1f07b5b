import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Outcome, root, runNode, runNpm } from './process.ts';
import { firstSnippet } from './snippets.ts';

/** Installs the packed packages in an empty project as a user would, install scripts allowed, and runs the root README's snippet with plain Node. */
export async function installAndRun(tarballs: readonly string[]): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'kd-install-'));
  try {
    await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    const peers = ['@tensorflow/tfjs-core@^4.22.0', '@tensorflow/tfjs-layers@^4.22.0'];
    const environment = {
      npm_config_ignore_scripts: 'false',
      npm_config_local_prefix: undefined,
      npm_config_omit_lockfile_registry_resolved: undefined,
    };
    const installed = await runNpm(['install', '--no-audit', '--no-fund', ...tarballs, ...peers], { folder, environment });
    if (!installed.ok) return installed;
    await writeFile(join(folder, 'first.js'), await firstSnippet(join(root, 'README.md')));
    return await runNode(['first.js'], { folder, environment });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** turbo without its telemetry, on every system: `node scripts/turbo.mjs run build`. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/**
 * Runs turbo to its end.
 * @param {readonly string[]} args
 * @param {{ quiet?: boolean }} options quiet: nothing is printed unless it fails.
 * @returns {number} The exit status.
 */
export function turbo(args, { quiet = false } = {}) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [createRequire(import.meta.url).resolve('turbo/bin/turbo'), ...args],
    {
      cwd: new URL('..', import.meta.url),
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
      stdio: quiet ? 'pipe' : 'inherit',
    },
  );
  if (quiet && status !== 0) process.stderr.write(Buffer.concat([stdout, stderr]));
  return status ?? 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  process.exitCode = turbo(process.argv.slice(2));

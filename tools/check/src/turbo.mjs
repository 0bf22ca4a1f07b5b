/**
 * turbo without its telemetry, on every system: `node tools/check/src/turbo.mjs run build`.
 * With `--quiet` first, nothing is printed unless it fails.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const given = process.argv.slice(2);
const quiet = given[0] === '--quiet';
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [createRequire(import.meta.url).resolve('turbo/bin/turbo'), ...given.slice(quiet ? 1 : 0)],
  {
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
    stdio: quiet ? 'pipe' : 'inherit',
  },
);
if (quiet && status !== 0) process.stderr.write(Buffer.concat([stdout, stderr]));
process.exitCode = status ?? 1;

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Runs before every vitest: in a fresh clone no engine starts before @kd/engine's `vendor/` is
 * made, and all tests on engines would be skipped.
 */
export function setup(): void {
  if (existsSync(new URL('../../../packages/engine/vendor', import.meta.url))) return;
  const turbo = fileURLToPath(new URL('../../../scripts/turbo.mjs', import.meta.url));
  const { status } = spawnSync(process.execPath, [turbo, 'run', 'vendor'], {
    stdio: 'inherit',
  });
  if (status !== 0)
    throw new Error(
      'vitest: expected packages/engine/vendor to be made, got an error of turbo run vendor.',
    );
}

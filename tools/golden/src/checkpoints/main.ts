/**
 * `KD_FIXTURES=<directory> KD_ENGINE=<engine> npm run fixtures`: checkpoints of PyTorch through the
 * public API of @kd/models.
 * Exit code 0: nothing failed. 1: something failed. 2: no such directory or engine.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EngineName, startEngine } from '@kd/engine';
import { readFixtures } from './expected.ts';
import { runFixtures } from './run.ts';

const { KD_FIXTURES, KD_ENGINE, INIT_CWD = '.' } = process.env;

try {
  const fixtures = readFixtures(
    KD_FIXTURES
      ? resolve(INIT_CWD, KD_FIXTURES)
      : fileURLToPath(new URL('../../checkpoints', import.meta.url)),
  );
  const engine = await startEngine(
    KD_ENGINE ? { engine: KD_ENGINE as EngineName, log: () => {} } : { log: () => {} },
  );
  console.log(`checkpoints on ${engine.name} ${engine.version}`);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const { file, result, notes } of runFixtures(fixtures)) {
    counts[result]++;
    for (const note of notes)
      console.log(`${result === 'failed' ? 'FAILED' : result} ${file}: ${note}`);
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  process.exitCode = counts.failed > 0 ? 1 : 0;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

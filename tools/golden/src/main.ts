/**
 * `KD_GOLDEN=<file> KD_ENGINE=<engine> npm run golden`: golden numbers through the public API of
 * the packages.
 * Exit code 0: nothing failed. 1: something failed. 2: no such file or engine.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EngineName, startEngine } from '@kd/engine';
import { readGolden } from './format/file.ts';
import { linesOf } from './format/report.ts';
import { runGolden } from './index.ts';

const { KD_GOLDEN, KD_ENGINE, INIT_CWD = '.' } = process.env;

try {
  const file = readGolden(
    KD_GOLDEN
      ? resolve(INIT_CWD, KD_GOLDEN)
      : fileURLToPath(new URL('../golden.json', import.meta.url)),
  );
  const engine = await startEngine(
    KD_ENGINE ? { engine: KD_ENGINE as EngineName, log: () => {} } : { log: () => {} },
  );
  console.log(`golden numbers on ${engine.name} ${engine.version}`);
  const report = await runGolden(file);
  for (const line of linesOf(report)) console.log(line);
  process.exitCode = report.failures.length > 0 ? 1 : 0;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

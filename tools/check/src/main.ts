/**
 * `npm test`: everything that must hold, in one command. Ends with `N passed, N failed, N skipped`,
 * where every check counts as one.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  apiPages,
  build,
  changesets,
  lint,
  published,
  sizes,
  types,
  unused,
  vendor,
} from './checks.ts';
import { installAndRun } from './install.ts';
import { packAll } from './packages.ts';
import { prepareEngines, preparePictures } from './prepare.ts';
import type { Outcome } from './process.ts';
import { unitTests } from './unitTests.ts';

const total = { passed: 0, failed: 0, skipped: 0 };
const folder = await mkdtemp(join(tmpdir(), 'kd-check-'));
try {
  await check('vendored code of the engine', vendor);
  await check('engines', prepareEngines);
  await check('pictures', preparePictures);
  await Promise.all([
    check('style and import directions', lint),
    check('types', types),
    check('nothing unused', unused),
    check('changesets', changesets),
  ]);
  const tests = await unitTests(folder);
  total.passed += tests.passed;
  total.failed += tests.failed;
  total.skipped += tests.skipped;
  if (await check('build', build)) await checkPackages();
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;

async function checkPackages(): Promise<void> {
  const tarballs: string[] = [];
  await check('packing', async () => {
    tarballs.push(...(await packAll(folder)));
    return { ok: true, output: '' };
  });
  await Promise.all([
    check('packages as published', () => published(tarballs)),
    check('browser bundles', sizes),
    check('API pages', apiPages),
  ]);
  await check('packages in an empty project', () => installAndRun(tarballs));
}

async function check(name: string, run: () => Promise<Outcome>): Promise<boolean> {
  const started = performance.now();
  const { ok, output } = await run().catch(
    (error: unknown): Outcome => ({ ok: false, output: String(error) }),
  );
  console.log(
    `${ok ? 'passed' : 'FAILED'}  ${name}, ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  if (!ok) console.log(output);
  total[ok ? 'passed' : 'failed']++;
  return ok;
}

/**
 * `npm test`: everything that must hold, in one command. Ends with `N passed, N failed, N skipped`,
 * where every check counts as one. `--slow` runs `*.slow.test.ts` alone, `--all` adds them to the
 * rest.
 *
 * The tests take longest: the other checks run beside them at a lower priority.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  apiPages,
  build,
  bundleSizes,
  changesets,
  lint,
  publishedTypes,
  types,
  unused,
  vendor,
} from './checks.ts';
import { installAndRun, packAll } from './packages.ts';
import { prepareEngines, prepareImages } from './prepare.ts';
import type { Outcome } from './process.ts';
import { runUnitTests, type TestSelection } from './unitTests.ts';

const total = { passed: 0, failed: 0, skipped: 0 };
const directory = await mkdtemp(join(tmpdir(), 'kd-check-'));
try {
  await check('bundled code of the engine', vendor);
  const onlySlow = process.argv.includes('--slow');
  await Promise.all(
    onlySlow
      ? [checkTests('slow')]
      : [
          checkTests(process.argv.includes('--all') ? 'all' : 'quick'),
          checkSources(),
          checkPackages(),
        ],
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;

async function checkTests(selection: TestSelection): Promise<void> {
  await Promise.all([check('engines', prepareEngines), check('images', prepareImages)]);
  const tests = await runUnitTests(selection, directory);
  total.passed += tests.passed;
  total.failed += tests.failed;
  total.skipped += tests.skipped;
}

async function checkSources(): Promise<void> {
  await check('style and import directions', lint);
  await check('types', types);
  await check('nothing unused', unused);
  await check('changesets', changesets);
  await check('API pages', apiPages);
}

async function checkPackages(): Promise<void> {
  if (!(await check('build', build))) return;
  const tarballs: string[] = [];
  await check('packing', async () => {
    tarballs.push(...(await packAll(directory)));
    return { ok: true, output: '' };
  });
  await check('packages in an empty project', () => installAndRun(tarballs));
  await check('packages as published', () => publishedTypes(tarballs));
  await check('browser bundles', bundleSizes);
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

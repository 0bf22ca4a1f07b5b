import { fileURLToPath } from 'node:url';
import { onEveryEngine } from '@kd/testing';
import { expect, test } from 'vitest';
import { linesOf, readGolden, runGolden } from '../src/index.ts';

/** Computed in double precision from the formulas of the references, gradients by differences. */
const others = readGolden(fileURLToPath(new URL('fixtures/features.json', import.meta.url)));

onEveryEngine(() => {
  test('methods on features hold for odd sizes, overlapping bins, other widths, margins, masks and connectors', async () => {
    expect(linesOf(await runGolden(others))).toEqual([
      `${others.losses?.length ?? 0} passed, 0 failed, 0 skipped`,
    ]);
  });
});

import { fileURLToPath } from 'node:url';
import { onEveryEngine } from '@kd/testing';
import { expect, test } from 'vitest';
import { linesOf, readGolden, runGolden } from '../src/index.ts';

const others = readGolden(fileURLToPath(new URL('fixtures/logits.json', import.meta.url)));

onEveryEngine(() => {
  test('methods on logits hold for other shapes, two classes, odd batches, other temperatures and weights', async () => {
    expect(linesOf(await runGolden(others))).toEqual([
      `${(others.losses?.length ?? 0) + 1} passed, 0 failed, 0 skipped`,
    ]);
  });
});

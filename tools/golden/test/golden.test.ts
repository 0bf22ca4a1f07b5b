import { fileURLToPath } from 'node:url';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { lossCases } from '../src/cases/index.ts';
import { type GoldenFile, linesOf, readGolden, runGolden } from '../src/index.ts';

const golden = readGolden(fileURLToPath(new URL('../golden.json', import.meta.url)));

function readFixture(name: string): GoldenFile {
  return readGolden(fileURLToPath(new URL(`fixtures/${name}.json`, import.meta.url)));
}

const logits = (readFixture('logits').losses?.length ?? 0) + 1;
const features = readFixture('features').losses?.length ?? 0;

onEveryEngine((engine) => {
  // golden.slow.test.ts has the third engine.
  test.skipIf(engine === 'cpu')(
    'every golden number holds, and no tensor is left',
    async () => {
      const before = tf.memory().numTensors;
      const report = await runGolden(golden);
      expect(report.failures).toEqual([]);
      expect(report.passed).toBeGreaterThanOrEqual(57);
      expect(tf.memory().numTensors).toBe(before);
    },
    180_000,
  );

  // The numbers of `features` were computed in double precision from the references' formulas, with
  // gradients by differences.
  test.each([
    ['others', 46, 'shapes, classes, temperatures, weights, options'],
    ['logits', logits, 'two classes, odd batches, other temperatures and weights'],
    ['features', features, 'odd sizes, overlapping bins, other widths, margins, masks, projectors'],
  ])('other numbers of the same kinds, %s.json: %i with %s', async (name, count, _contents) => {
    expect(linesOf(await runGolden(readFixture(name)))).toEqual([
      `${count} passed, 0 failed, 0 skipped`,
    ]);
  });

  test('an entry is of one case only', () => {
    for (const entry of [...(golden.losses ?? []), ...(golden.edges ?? [])]) {
      const matching = lossCases.filter((row) => row.matches(entry));
      expect(matching.length, `${entry.id}: ${matching.map(({ method }) => method)}`).toBe(1);
    }
  });

  test('a wrong value, a wrong gradient and an input that is not there are failures with both numbers', async () => {
    const ce = golden.losses?.find(({ id }) => id === 'ce');
    if (ce === undefined) throw new Error('golden.json has no ce');
    const gradient = { S: { norm: 1, full: [1, ...(ce.gradient?.S?.full ?? []).slice(1)] } };
    const report = await runGolden({
      inputs: golden.inputs ?? {},
      losses: [
        { ...ce, id: 'value', value: 4 },
        { ...ce, id: 'gradient', gradient },
        { ...ce, id: 'input', inputs: { student: 'S', labels: 'nobody' } },
        { ...ce, id: 'option', options: { smoothing: 0, focus: 2 } },
        { ...ce, id: 'kind', loss: 'hinge (squared)' },
      ],
    });
    expect(linesOf(report)).toEqual([
      expect.stringMatching(
        /^FAILED losses value: value: expected 4, got 4\.0946\d+ \(off by 2\.4e-2 of the norm, allowed 1\.0e-5\)$/,
      ),
      expect.stringMatching(
        /^FAILED losses gradient: gradient to S\[0\]: expected 1, got -0\.19502\d+ \(off by /,
      ),
      expect.stringMatching(
        /^FAILED losses input: golden: expected labels as values, one of S, T, .*, or a row of one, got nobody\.$/,
      ),
      'not implemented:',
      '  losses: cross entropy with focus, hinge',
      '0 passed, 3 failed, 2 skipped',
    ]);
  });
});

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { type GoldenFile, linesOf, readGolden, runGolden } from '../src/index.ts';

const golden = readGolden(fileURLToPath(new URL('../golden.json', import.meta.url)));

const { resnet, ...withoutNetworks } = golden;

onEveryEngine((engine) => {
  test('every golden number that we implement holds, and no tensor is left', async () => {
    const before = tf.memory().numTensors;
    // The cpu engine takes ten seconds for the network; `npm run golden` has the patience.
    const report = await runGolden(engine === 'cpu' ? withoutNetworks : golden);
    expect(report.failures).toEqual([]);
    expect(report.passed).toBeGreaterThanOrEqual(engine === 'cpu' ? 56 : 57);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('other numbers of the same kinds hold: shapes, classes, temperatures, weights, options', async () => {
    const others = JSON.parse(
      readFileSync(new URL('fixtures/others.json', import.meta.url), 'utf8'),
    ) as GoldenFile;
    const report = await runGolden(others);
    expect(linesOf(report)).toEqual(['46 passed, 0 failed, 0 skipped']);
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

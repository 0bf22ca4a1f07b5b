/** The golden numbers on the engine that golden.test.ts leaves out. */
import { fileURLToPath } from 'node:url';
import { startEngine } from '@kd/engine';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { readGolden, runGolden } from '../src/index.ts';

// The cpu engine takes ten seconds and more for the networks; `npm run golden` has them.
const { resnet: _, ...golden } = readGolden(
  fileURLToPath(new URL('../golden.json', import.meta.url)),
);

test('every golden number holds on cpu, and no tensor is left', async () => {
  await startEngine({ engine: 'cpu', log: () => {} });
  const before = tf.memory().numTensors;
  const report = await runGolden(golden);
  expect(report.failures).toEqual([]);
  expect(report.passed).toBeGreaterThanOrEqual(56);
  expect(tf.memory().numTensors).toBe(before);
}, 180_000);

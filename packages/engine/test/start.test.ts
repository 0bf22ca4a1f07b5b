import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';

test('cpu and wasm start, the last one started is current, and both train', async () => {
  const quiet = { log: () => {} };
  expect((await startEngine({ engine: 'cpu', ...quiet })).name).toBe('cpu');
  expect(await startEngine({ engine: 'wasm', ...quiet })).toMatchObject({ name: 'wasm', device: 'CPU', threads: 1, refused: [] });
  expect(tf.getBackend()).toBe('wasm');
});

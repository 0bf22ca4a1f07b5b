import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onEveryEngine } from '../src/engines.ts';

const seen: string[] = [];
onEveryEngine((engine) => {
  test('the engine is current', () => {
    expect(tf.getBackend()).toBe(engine);
    seen.push(engine);
  });
});

test('the suite ran on the engines in order', () => {
  expect(seen.slice(0, 2)).toEqual(['cpu', 'wasm']);
});

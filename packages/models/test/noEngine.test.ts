import { expect, test } from 'vitest';
import { studentCnn } from '../src/index.ts';

test('without an engine the error says how to start one', () => {
  expect(() => studentCnn({ classes: 10, seed: 0 })).toThrow(
    'studentCnn 16-32-64: expected a started engine, got none; await startEngine() of @kd/engine first.',
  );
});

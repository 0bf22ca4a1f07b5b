import { expect, test } from 'vitest';
import { ensure, expectedError } from '../src/index.ts';

const rows: [string, unknown, string | undefined][] = [
  ['softTargets: expected temperature > 0, got 0; 4 is usual.', 0, '4 is usual'],
  ['softTargets: expected temperature > 0, got -0.5.', -0.5, undefined],
  ['softTargets: expected temperature > 0, got nothing.', undefined, undefined],
  ['softTargets: expected temperature > 0, got null.', null, undefined],
  ['softTargets: expected temperature > 0, got warm.', 'warm', undefined],
  ['softTargets: expected temperature > 0, got [1, 2].', [1, 2], undefined],
  ['softTargets: expected temperature > 0, got {"value":4}.', { value: 4 }, undefined],
  ['softTargets: expected temperature > 0, got NaN.', Number.NaN, undefined],
];

test.each(rows)('%s', (message, got, remedy) => {
  const error = expectedError('softTargets', 'temperature > 0', got, remedy);
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toBe(message);
});

test('ensure lets the right pass and throws at the wrong', () => {
  expect(() => ensure(true, 'softTargets', 'temperature > 0', 4)).not.toThrow();
  expect(() => ensure(false, 'softTargets', 'temperature > 0', 0, '4 is usual')).toThrow(
    new RangeError('softTargets: expected temperature > 0, got 0; 4 is usual.'),
  );
});

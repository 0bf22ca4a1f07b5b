import { assertSameShape, assertShape, ensure, expectedError } from '../src/index.ts';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

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

test('assertShape', () => {
  const logits = tf.zeros([4, 10]);
  expect(() => assertShape('accuracy', 'logits [batch, classes]', logits, [4, 10])).not.toThrow();
  expect(() =>
    assertShape('accuracy', 'logits [batch, classes]', logits, [null, 10]),
  ).not.toThrow();
  expect(() => assertShape('accuracy', 'logits [batch, classes]', logits, [null, 5])).toThrow(
    new RangeError('accuracy: expected logits [batch, classes] of shape [any, 5], got [4, 10].'),
  );
  expect(() => assertShape('accuracy', 'labels [batch]', logits, [4])).toThrow(
    new RangeError('accuracy: expected labels [batch] of shape [4], got [4, 10].'),
  );
  logits.dispose();
});

test('assertSameShape', () => {
  const [logits, other, scalar] = [tf.zeros([4, 10]), tf.zeros([4, 5]), tf.scalar(1)];
  expect(() => assertSameShape('softTargets', 'student', logits, 'teacher', logits)).not.toThrow();
  expect(() => assertSameShape('softTargets', 'student', logits, 'teacher', other)).toThrow(
    new RangeError(
      'softTargets: expected student and teacher of the same shape, got [4, 10] and [4, 5].',
    ),
  );
  expect(() => assertSameShape('softTargets', 'student', logits, 'teacher', scalar)).toThrow(
    new RangeError(
      'softTargets: expected student and teacher of the same shape, got [4, 10] and [].',
    ),
  );
  tf.dispose([logits, other, scalar]);
});

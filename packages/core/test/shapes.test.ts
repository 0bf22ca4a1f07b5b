import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { assertSameShape, assertShape } from '../src/index.ts';

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

import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { expectSameShape, expectShape } from '../src/index.ts';

test('expectShape', () => {
  const logits = tf.zeros([4, 10]);
  expect(() => expectShape('accuracy', 'logits [batch, classes]', logits, [4, 10])).not.toThrow();
  expect(() => expectShape('accuracy', 'logits [batch, classes]', logits, [null, 10])).not.toThrow();
  expect(() => expectShape('accuracy', 'logits [batch, classes]', logits, [null, 5])).toThrow(
    new RangeError('accuracy: expected logits [batch, classes] of shape [any, 5], got [4, 10].'),
  );
  expect(() => expectShape('accuracy', 'labels [batch]', logits, [4])).toThrow(
    new RangeError('accuracy: expected labels [batch] of shape [4], got [4, 10].'),
  );
  logits.dispose();
});

test('expectSameShape', () => {
  const [logits, other, scalar] = [tf.zeros([4, 10]), tf.zeros([4, 5]), tf.scalar(1)];
  expect(() => expectSameShape('softTargets', 'student', logits, 'teacher', logits)).not.toThrow();
  expect(() => expectSameShape('softTargets', 'student', logits, 'teacher', other)).toThrow(
    new RangeError('softTargets: expected student and teacher of the same shape, got [4, 10] and [4, 5].'),
  );
  expect(() => expectSameShape('softTargets', 'student', logits, 'teacher', scalar)).toThrow(
    new RangeError('softTargets: expected student and teacher of the same shape, got [4, 10] and [].'),
  );
  tf.dispose([logits, other, scalar]);
});

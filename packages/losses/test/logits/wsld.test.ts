import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { crossEntropyPerExample, wsld, wsldPerExample } from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import { expectFinite, expectTidy, expectUnchanged, small } from './helpers.ts';

onEveryEngine(() => {
  test('an example counts by 1 − exp(−ratio of the cross entropies)', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const ratio = tf.div(
        crossEntropyPerExample(student, labels),
        crossEntropyPerExample(teacher, labels),
      );
      const soft = tf.neg(
        tf.sum(
          tf.mul(
            tf.softmax(tf.div<tf.Tensor2D>(teacher, 3)),
            tf.logSoftmax(tf.div<tf.Tensor2D>(student, 3)),
          ),
          1,
        ),
      );
      const expected = tf.mul(tf.mul(tf.sub(1, tf.exp(tf.neg(ratio))), soft), 9);
      expectClose(
        wsldPerExample(student, teacher, labels, { temperature: 3 }).dataSync(),
        expected.dataSync(),
        1e-5,
      );
    }));
  test('its gradient is that of the soft labels with the weights held, and the teacher has none', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const ratio = tf.div(
        crossEntropyPerExample(student, labels),
        crossEntropyPerExample(teacher, labels),
      );
      const weights = tf.expandDims(tf.sub(1, tf.exp(tf.neg(ratio))), 1);
      // d/dz of T² · CE(z / T) is T · (p_S − p_T).
      const slope = tf.sub(
        tf.softmax(tf.div<tf.Tensor2D>(student, 2)),
        tf.softmax(tf.div<tf.Tensor2D>(teacher, 2)),
      );
      const expected = tf.div(tf.mul(tf.mul(weights, slope), 2), 3);
      const ofStudent = tf.grad((x: tf.Tensor) =>
        wsld()(stepOf(x as tf.Tensor2D, teacher, labels)),
      )(student);
      expectClose(ofStudent.dataSync(), expected.dataSync(), 1e-5);
      const ofTeacher = tf.grad((x: tf.Tensor) =>
        wsld()(stepOf(student, x as tf.Tensor2D, labels)),
      )(teacher);
      expectClose(ofTeacher.dataSync(), new Array(12).fill(0), 0);
    }));
  test('a constant added to rows, and the order of examples, change nothing', () => {
    expectUnchanged(wsld(), (x) => tf.add(x, tf.tensor2d([8, -3, 0], [3, 1])));
    expectUnchanged(
      wsld(),
      (x) => tf.reverse(x, 0),
      (x) => tf.reverse(x, 0),
    );
  });
  test('value and gradient are finite at the edges', () => expectFinite(wsld()));
  test('it leaves no tensor but its result', () => expectTidy(wsld()));
  test('what does not fit is named', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      expect(wsld().needsTeacher).toBe(true);
      expect(() => wsld({ temperature: 0 })).toThrow(
        new RangeError('wsld: expected temperature > 0, got 0; 4 is usual.'),
      );
      expect(() => wsld()(stepOf(student, undefined, labels))).toThrow(
        'wsld: expected a teacher in the step',
      );
    }));
});

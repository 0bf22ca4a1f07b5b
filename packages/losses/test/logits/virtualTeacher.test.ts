import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { softTargets, virtualTeacher, virtualTeacherPerExample } from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import { expectFinite, expectTidy, small } from './helpers.ts';

onEveryEngine(() => {
  test('it is the divergence from its softened belief', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      const belief = tf.add<tf.Tensor2D>(tf.mul(tf.oneHot(labels, 4), 0.7 - 0.1), 0.1);
      const expected = softTargets({ temperature: 1 })(stepOf(student, tf.div(belief, 5), labels));
      const found = virtualTeacher({ temperature: 5, correctProbability: 0.7 })(
        stepOf(student, undefined, labels),
      );
      expectClose(found.dataSync(), expected.dataSync(), 1e-6);
    }));
  test('a student of that belief costs 0', () =>
    tf.tidy(() => {
      const logits = tf.tensor2d([[0.97 / 2, 0.01 / 2, 0.01 / 2, 0.01 / 2]]);
      const options = { temperature: 2, correctProbability: 0.97 };
      expect(
        virtualTeacherPerExample(logits, tf.tensor1d([0], 'int32'), options).dataSync()[0],
      ).toBeCloseTo(0, 7);
    }));
  test('its gradient is p − belief', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      const belief = tf.softmax(
        tf.div<tf.Tensor2D>(tf.add(tf.mul(tf.oneHot(labels, 4), 0.99 - 0.01 / 3), 0.01 / 3), 20),
      );
      const gradient = tf.grad((x: tf.Tensor) =>
        virtualTeacher()(stepOf(x as tf.Tensor2D, undefined, labels)),
      )(student);
      expectClose(
        gradient.dataSync(),
        tf.div(tf.sub(tf.softmax(student), belief), 3).dataSync(),
        1e-5,
      );
    }));
  test('value and gradient are finite at the edges', () => expectFinite(virtualTeacher()));
  test('it leaves no tensor but its result', () => expectTidy(virtualTeacher()));
  test('what does not fit is named', () =>
    tf.tidy(() => {
      expect(() => virtualTeacher({ temperature: 0 })).toThrow(
        'virtualTeacher: expected temperature > 0, got 0',
      );
      expect(() => virtualTeacher({ correctProbability: 1.5 })).toThrow(
        'virtualTeacher: expected correctProbability in [0, 1], got 1.5; 0.99 is usual.',
      );
      expect(() => virtualTeacherPerExample(tf.zeros([2, 1]), tf.zeros([2], 'int32'))).toThrow(
        'virtualTeacher: expected at least 2 classes, got 1',
      );
    }));
});

import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { type DistOptions, dist, distBatchwise } from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import {
  expectFinite,
  expectRestAtTeacher,
  expectRightGradient,
  expectTidy,
  expectUnchanged,
  small,
} from './helpers.ts';

onEveryEngine(() => {
  test('it is 0 where rows of probabilities are positively affinely related', () =>
    tf.tidy(() => {
      const teacher = tf.tensor2d([0.1, 0.2, 0.7, 0.5, 0.3, 0.2], [2, 3]);
      // p_S = 0.4 p_T + 0.2: rows of 3 still add up to 1.
      const student = tf.add<tf.Tensor2D>(tf.mul(teacher, 0.4), 0.2);
      expect(distBatchwise(tf.log(student), tf.log(teacher)).dataSync()[0]).toBeCloseTo(0, 5);
    }));
  test('it is 2 · beta · τ² where rows are negatively related', () =>
    tf.tidy(() => {
      const teacher = tf.tensor2d([[0.1, 0.2, 0.7]]);
      const student = tf.add<tf.Tensor2D>(tf.mul(teacher, -0.5), 0.5);
      const found = distBatchwise(tf.log(student), tf.log(teacher), { beta: 3, gamma: 0 });
      expectClose(found.dataSync(), [6], 1e-5);
    }));
  test('of one example the relation between examples is none: gamma · τ²', () =>
    tf.tidy(() => {
      const [student, teacher] = [tf.tensor2d([[1, 2, 4]]), tf.tensor2d([[0, 3, 1]])];
      expect(
        distBatchwise(student, teacher, { beta: 0, gamma: 2, temperature: 3 }).dataSync()[0],
      ).toBe(18);
    }));
  test('of two classes rows correlate by 1 or −1 whatever the student says: no gradient, but for the relation between examples', () =>
    tf.tidy(() => {
      const [student, teacher] = [
        tf.tensor2d([1, 0.2, -0.4, 0.9, 0.3, 0.1], [3, 2]),
        tf.tensor2d([0.5, 0, 0.1, 1, 2, -1], [3, 2]),
      ];
      const gradient = (options: DistOptions, rows: number) =>
        tf.grad((x: tf.Tensor) =>
          distBatchwise(x as tf.Tensor2D, tf.slice(teacher, 0, rows), options),
        )(tf.slice(student, 0, rows));
      expectClose(gradient({ gamma: 0 }, 3).dataSync(), new Array(6).fill(0), 1e-6);
      expectClose(gradient({}, 2).dataSync(), new Array(4).fill(0), 1e-6);
      expectClose(gradient({}, 3).dataSync(), gradient({ beta: 0 }, 3).dataSync(), 1e-5);
    }));
  test('its gradient is that of finite differences, and the teacher has none', () =>
    expectRightGradient(dist({ beta: 2, temperature: 2 })));
  test('a student equal to its teacher costs 0 and has gradient 0', () =>
    expectRestAtTeacher(dist()));
  test('a constant added to rows, and the order of examples and classes, change nothing', () => {
    expectUnchanged(dist(), (x) => tf.add(x, tf.tensor2d([8, -3, 0], [3, 1])));
    expectUnchanged(dist(), (x) => tf.reverse(x, 0));
    expectUnchanged(dist(), (x) => tf.reverse(x, 1));
  });
  test('value and gradient are finite at the edges', () => expectFinite(dist()));
  test('it leaves no tensor but its result', () => expectTidy(dist()));
  test('what does not fit is named', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      expect(dist().needsTeacher).toBe(true);
      expect(() => dist({ gamma: Number.POSITIVE_INFINITY })).toThrow(
        new RangeError('dist: expected finite beta and gamma, got [1, Infinity].'),
      );
      expect(() => dist({ temperature: 0 })).toThrow('dist: expected temperature > 0, got 0');
      expect(() => dist()(stepOf(student, undefined, labels))).toThrow(
        'dist: expected a teacher in the step',
      );
    }));
});

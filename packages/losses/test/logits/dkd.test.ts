import { constant, linearWarmup } from '@kd/core';
import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  decoupledDivergence,
  dkd,
  dkdPerExample,
  klDivergencePerExample,
  weighted,
} from '../../src/index.ts';
import { labels, logits, stepOf } from '../golden.ts';
import {
  expectFinite,
  expectRestAtTeacher,
  expectRightGradient,
  expectTidy,
  expectUnchanged,
  small,
} from './helpers.ts';

onEveryEngine(() => {
  test('the divergence is label + (1 − p) · others, p the teacher’s probability of the label', () =>
    tf.tidy(() => {
      const temperature = 4;
      const parts = decoupledDivergence(logits('S'), logits('T'), labels(), { temperature });
      const onLabel = tf.mul(
        tf.softmax(tf.div<tf.Tensor2D>(logits('T'), temperature)),
        tf.oneHot(labels(), 10),
      );
      const whole = tf.add(parts.label, tf.mul(tf.sub(1, tf.sum(onLabel, 1)), parts.others));
      expectClose(
        whole.dataSync(),
        klDivergencePerExample(logits('S'), logits('T'), { temperature }).dataSync(),
        1e-5,
      );
    }));
  test('alpha and beta weigh the parts, times T²', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const { label, others } = decoupledDivergence(student, teacher, labels, { temperature: 3 });
      const both = dkdPerExample(student, teacher, labels, { alpha: 2, beta: 5, temperature: 3 });
      expectClose(
        both.dataSync(),
        tf.mul(tf.add(tf.mul(label, 2), tf.mul(others, 5)), 9).dataSync(),
        1e-6,
      );
    }));
  test('its gradient is that of finite differences, and the teacher has none', () =>
    expectRightGradient(dkd({ temperature: 2 })));
  test('a student equal to its teacher costs 0 and has gradient 0', () =>
    expectRestAtTeacher(dkd()));
  test('a constant added to rows, and the order of examples, change nothing', () => {
    expectUnchanged(dkd(), (x) => tf.add(x, tf.tensor2d([8, -3, 0], [3, 1])));
    expectUnchanged(
      dkd(),
      (x) => tf.reverse(x, 0),
      (x) => tf.reverse(x, 0),
    );
  });
  test('with two classes the others say nothing', () =>
    tf.tidy(() => {
      const [student, teacher] = [tf.tensor2d([[1, 2]]), tf.tensor2d([[3, -1]])];
      expect(
        decoupledDivergence(student, teacher, tf.tensor1d([1], 'int32'), {
          temperature: 1,
        }).others.dataSync()[0],
      ).toBe(0);
    }));
  test('value and gradient are finite at the edges', () => expectFinite(dkd({ temperature: 1 })));
  test('it leaves no tensor but its result', () => expectTidy(dkd()));
  test('its weight is warmed up by a schedule', () => {
    const term = weighted(linearWarmup({ over: 20 / 240, into: constant(1) }), dkd());
    expect(
      [0, 10 / 240, 20 / 240, 1].map((progress) => term.schedules?.weight?.(progress)),
    ).toEqual([0, 0.5, 1, 1]);
  });
  test('what does not fit is named', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      const one = tf.zeros<tf.Rank.R2>([3, 1]);
      expect(dkd().needsTeacher).toBe(true);
      expect(() => dkd({ temperature: 0 })).toThrow(
        new RangeError('dkd: expected temperature > 0, got 0; 4 is usual.'),
      );
      expect(() => dkd({ beta: Number.NaN })).toThrow(
        'dkd: expected finite alpha and beta, got [1, NaN].',
      );
      expect(() => dkd()(stepOf(student, undefined, labels))).toThrow(
        'dkd: expected a teacher in the step',
      );
      expect(() => dkdPerExample(one, one, labels)).toThrow(
        'dkd: expected at least 2 classes, got 1; it compares the classes that are not the label.',
      );
      expect(() => dkdPerExample(student, student, tf.zeros([3]))).toThrow(
        'dkd: expected labels of type int32, got float32',
      );
    }));
});

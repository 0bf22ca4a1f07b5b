import { constant, linearWarmup } from '@kd/core';
import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  crossEntropyPerExample,
  decoupledDivergence,
  dkd,
  dkdPerExample,
  klDivergencePerExample,
  nkd,
  nkdPerExample,
  weighted,
  wsld,
  wsldPerExample,
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

describe('dkd', () => {
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
});

describe('nkd', () => {
  onEveryEngine(() => {
    test('it is the formula, by hand', () =>
      tf.tidy(() => {
        const log = Math.log;
        const [student, teacher] = [[1, 2, 3].map(log), [2, 1, 5].map(log)];
        // Probabilities 1/6, 2/6, 3/6 and 2/8, 1/8, 5/8; label 1. Others: 1/4, 3/4 and 2/7, 5/7.
        const expected =
          -(1 / 8) * log(2 / 6) - 1.5 * ((2 / 7) * log(1 / 4) + (5 / 7) * log(3 / 4));
        expectClose(
          nkdPerExample(
            tf.tensor2d([student]),
            tf.tensor2d([teacher]),
            tf.tensor1d([1], 'int32'),
          ).dataSync(),
          [expected],
          1e-6,
        );
      }));
    test('its gradient is that of finite differences, and the teacher has none', () =>
      expectRightGradient(nkd({ gamma: 2, temperature: 3 })));
    test('a constant added to rows, and the order of examples, change nothing', () => {
      expectUnchanged(nkd(), (x) => tf.add(x, tf.tensor2d([8, -3, 0], [3, 1])));
      expectUnchanged(
        nkd(),
        (x) => tf.reverse(x, 0),
        (x) => tf.reverse(x, 0),
      );
    });
    test('value and gradient are finite at the edges', () => expectFinite(nkd()));
    test('it leaves no tensor but its result', () => expectTidy(nkd()));
    test('what does not fit is named', () =>
      tf.tidy(() => {
        const { student, labels } = small();
        expect(nkd().needsTeacher).toBe(true);
        expect(() => nkd({ gamma: Number.NaN })).toThrow(
          new RangeError('nkd: expected a finite gamma, got NaN; 1.5 is usual.'),
        );
        expect(() => nkd({ temperature: -1 })).toThrow('nkd: expected temperature > 0, got -1');
        expect(() => nkd()(stepOf(student, undefined, labels))).toThrow(
          'nkd: expected a teacher in the step',
        );
      }));
  });
});

describe('wsld', () => {
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
});

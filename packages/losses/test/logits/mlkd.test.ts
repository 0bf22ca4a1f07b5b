import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  batchCorrelation,
  classCorrelation,
  mlkd,
  mlkdParts,
  softTargets,
} from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import {
  expectFinite,
  expectRestAtTeacher,
  expectRightGradient,
  expectTidy,
  expectUnchanged,
  small,
} from './helpers.ts';

const terms = {
  batchCorrelation: batchCorrelation(),
  classCorrelation: classCorrelation(),
  mlkd: mlkd(),
};

onEveryEngine(() => {
  test('correlations are distances of products of probabilities', () =>
    tf.tidy(() => {
      const log = (rows: number[][]) => tf.log(tf.tensor2d(rows));
      const [student, teacher] = [log([[0.5, 0.5]]), log([[0.25, 0.75]])];
      const step = stepOf(student, teacher, tf.zeros([1], 'int32'));
      // PᵀP: [[.25, .25], [.25, .25]] and [[.0625, .1875], [.1875, .5625]]; P Pᵀ: .5 and .625.
      expectClose(
        classCorrelation({ temperature: 1 })(step).dataSync(),
        [(0.1875 ** 2 + 2 * 0.0625 ** 2 + 0.3125 ** 2) / 2],
        1e-5,
      );
      expectClose(batchCorrelation({ temperature: 1 })(step).dataSync(), [0.125 ** 2], 1e-5);
    }));
  test.each(Object.entries(terms))(
    '%s has the gradient of finite differences, and the teacher has none',
    (_, term) => expectRightGradient(term),
  );
  test.each(Object.entries(terms))(
    '%s of a student equal to its teacher is 0 with gradient 0',
    (_, term) => expectRestAtTeacher(term),
  );
  test.each(Object.entries(terms))(
    '%s is the same in another order of examples or classes',
    (_, term) => {
      expectUnchanged(term, (x) => tf.reverse(x, 0));
      expectUnchanged(term, (x) => tf.reverse(x, 1));
    },
  );
  test.each(Object.entries(terms))('%s is finite at the edges, with its gradient', (_, term) =>
    expectFinite(term),
  );
  test.each(Object.entries(terms))('%s leaves no tensor but its result', (_, term) =>
    expectTidy(term),
  );

  test('parts of the weak view count by the share of what the teacher is at most as sure of as of the median', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const step = stepOf(student, teacher, labels);
      const { instance, batch, classes } = mlkdParts({ student, teacher }, undefined, {
        temperatures: [4],
      });
      // Of three examples two are up to the median, of four classes two.
      expectClose(
        instance.dataSync(),
        [((softTargets()(step).dataSync()[0] as number) * 2) / 3],
        1e-5,
      );
      expectClose(
        batch.dataSync(),
        [((batchCorrelation()(step).dataSync()[0] as number) * 2) / 3],
        1e-5,
      );
      expectClose(
        classes.dataSync(),
        [(classCorrelation()(step).dataSync()[0] as number) / 2],
        1e-5,
      );
    }));
  test('the strong view is compared at the first three temperatures, or at all', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const strong = { student: tf.neg(student), teacher: tf.mul<tf.Tensor2D>(teacher, 2) };
      const soft = (from: { student: tf.Tensor2D; teacher: tf.Tensor2D }, at: readonly number[]) =>
        at.reduce(
          (sum, temperature) =>
            sum +
            (softTargets({ temperature })(
              stepOf(from.student, from.teacher, labels),
            ).dataSync()[0] as number),
          0,
        );
      const alone = mlkdParts({ student, teacher }, undefined).instance.dataSync()[0] as number;
      const published = mlkdParts({ student, teacher }, strong).instance;
      expectClose(
        published.dataSync(),
        [alone + soft(strong, [4, 3, 5]) + soft({ student, teacher }, [2, 6])],
        1e-5,
      );
      const all = mlkdParts({ student, teacher }, strong, { strongAt: 'all' }).instance;
      expectClose(all.dataSync(), [alone + soft(strong, [4, 3, 5, 2, 6])], 1e-5);
    }));
  test('the term finds the strong view’s logits by name', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const strong = { student: tf.neg(student), teacher: tf.mul<tf.Tensor2D>(teacher, 2) };
      const step = {
        ...stepOf(student, teacher, labels),
        student: { logits: student, features: { strong: strong.student } },
        teacher: { logits: teacher, features: { strong: strong.teacher } },
      };
      const { instance, batch, classes } = mlkdParts({ student, teacher }, strong);
      expectClose(
        mlkd({ strong: 'strong' })(step).dataSync(),
        tf.addN([instance, batch, classes]).dataSync(),
        1e-6,
      );
      expect(() => mlkd({ strong: 'loud' })(step)).toThrow(
        "mlkd: expected a feature 'loud', got features strong",
      );
    }));
  test('what does not fit is named', () => {
    expect(() => mlkd({ temperatures: [] })).toThrow(
      'mlkd: expected one temperature or more, got none; [4, 3, 5, 2, 6] are usual.',
    );
    expect(() => mlkd({ temperatures: [4, 0] })).toThrow('mlkd: expected temperature > 0, got 0');
    expect(() => classCorrelation({ temperature: -1 })).toThrow(
      'classCorrelation: expected temperature > 0, got -1',
    );
    expect(() => batchCorrelation({ temperature: -1 })).toThrow(
      'batchCorrelation: expected temperature > 0, got -1',
    );
  });
});

import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { csKd, csKdPerExample, softTargets, softTargetsPerExample } from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import { expectFinite, expectTidy } from './helpers.ts';

const rows = [
  [0.3, -0.2, 0.1, 0.7],
  [1.1, -0.4, 0.2, 0.9],
  [-0.6, 0.5, 0.4, -1.2],
  [1.3, 0.2, -0.8, -0.7],
  [2.1, 0.4, -0.3, 1.4],
];
const classes = [2, 1, 2, 0, 2];

onEveryEngine(() => {
  test('a picture learns from the next of its class, round the end, and from none where there is none', () =>
    tf.tidy(() => {
      const logits = tf.tensor2d(rows);
      const partners = tf.gather(logits, tf.tensor1d([2, 1, 4, 3, 0], 'int32'));
      const found = csKdPerExample(logits, tf.tensor1d(classes, 'int32')).dataSync();
      expectClose(
        found,
        softTargetsPerExample(logits, partners, { temperature: 4 }).dataSync(),
        1e-6,
      );
      expect([found[1], found[3]]).toEqual([0, 0]);
    }));
  test('its gradient is that of soft targets: the partner has none', () =>
    tf.tidy(() => {
      const [logits, labels] = [tf.tensor2d(rows), tf.tensor1d(classes, 'int32')];
      const partners = tf.gather(logits, tf.tensor1d([2, 1, 4, 3, 0], 'int32'));
      const found = tf.grad((x: tf.Tensor) => csKd()(stepOf(x as tf.Tensor2D, undefined, labels)))(
        logits,
      );
      const expected = tf.grad((x: tf.Tensor) =>
        softTargets()(stepOf(x as tf.Tensor2D, partners, labels)),
      )(logits);
      expectClose(found.dataSync(), expected.dataSync(), 1e-6);
    }));
  test('a batch of one class and equal predictions costs 0', () =>
    tf.tidy(() => {
      const logits = tf.tensor2d([rows[0] as number[], rows[0] as number[]]);
      expect(csKd()(stepOf(logits, undefined, tf.ones([2], 'int32'))).dataSync()[0]).toBe(0);
    }));
  test('value and gradient are finite at the edges', () => {
    expectFinite(csKd());
    expectFinite(({ student }) =>
      csKd({ temperature: 1 })(
        stepOf(student.logits, undefined, tf.zeros([student.logits.shape[0]], 'int32')),
      ),
    );
  });
  test('it leaves no tensor but its result', () => expectTidy(csKd()));
  test('what does not fit is named', () => {
    expect(() => csKd({ temperature: 0 })).toThrow('csKd: expected temperature > 0, got 0');
    const [logits, labels] = [tf.zeros<tf.Rank.R2>([2, 3]), tf.zeros<tf.Rank.R1>([3], 'int32')];
    expect(() => csKdPerExample(logits, labels)).toThrow(
      'csKd: expected labels [batch] for logits [2, 3]',
    );
    tf.dispose([logits, labels]);
  });
});

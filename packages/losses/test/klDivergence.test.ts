import { closeTo, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { klDivergencePerExample } from '../src/index.ts';
import { logits, perExample } from './golden.ts';

onEveryEngine(() => {
  test('each example has the golden divergence, without T²', () =>
    tf.tidy(() => {
      const { temperature, kl } = perExample;
      closeTo(klDivergencePerExample(logits('S'), logits('T'), { temperature }).dataSync(), kl, 1e-5);
    }));
  test('a scalar temperature is the same as the number', () =>
    tf.tidy(() => {
      const withScalar = klDivergencePerExample(logits('S'), logits('T'), { temperature: tf.scalar(perExample.temperature) });
      closeTo(withScalar.dataSync(), perExample.kl, 1e-5);
    }));
  test('no gradient reaches the teacher', () =>
    tf.tidy(() => {
      const loss = (teacher: tf.Tensor) => tf.sum(klDivergencePerExample(logits('S'), teacher as tf.Tensor2D, { temperature: 2 }));
      closeTo(tf.grad(loss)(logits('T')).dataSync(), new Array(40).fill(0), 0);
    }));
  test('it leaves no tensor but its result', async () => {
    const [student, teacher] = [logits('S'), logits('T')];
    await expectNoNewTensors(() => klDivergencePerExample(student, teacher, { temperature: 2 }).dispose());
    tf.dispose([student, teacher]);
  });
  test('bad temperatures and shapes are named', () =>
    tf.tidy(() => {
      const student = tf.zeros<tf.Rank.R2>([4, 10]);
      expect(() => klDivergencePerExample(student, student, { temperature: 0 })).toThrow(
        'klDivergence: expected temperature > 0, got 0; 4 is usual.',
      );
      expect(() => klDivergencePerExample(student, tf.zeros([4, 100]), { temperature: 1 })).toThrow(
        'klDivergence: expected student logits and teacher logits of the same shape, got [4, 10] and [4, 100].',
      );
    }));
});

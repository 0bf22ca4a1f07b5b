import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { klDivergencePerExample } from '../src/index.ts';
import { logits, perExample } from './golden.ts';

onEveryEngine(() => {
  test('each example has the golden divergence, without T²', () =>
    tf.tidy(() => {
      const { temperature, kl } = perExample;
      expectClose(
        klDivergencePerExample(logits('S'), logits('T'), { temperature }).dataSync(),
        kl,
        1e-5,
      );
    }));
  test('a scalar temperature is the same as the number', () =>
    tf.tidy(() => {
      const withScalar = klDivergencePerExample(logits('S'), logits('T'), {
        temperature: tf.scalar(perExample.temperature),
      });
      expectClose(withScalar.dataSync(), perExample.kl, 1e-5);
    }));
  test('it stays precise where the student is near its teacher', () =>
    tf.tidy(() => {
      const [student, teacher] = [
        logits('S'),
        tf.add(logits('S'), tf.mul(logits('T'), 0.1)) as tf.Tensor2D,
      ];
      const expected = rowsOf(student).map((row, at) =>
        divergenceInFloat64(row, rowsOf(teacher)[at] as number[], 16),
      );
      expectClose(
        klDivergencePerExample(student, teacher, { temperature: 16 }).dataSync(),
        expected,
        1e-5,
      );
    }));
  test('the gradient to a temperature that is a tensor is that of finite differences', () =>
    tf.tidy(() => {
      const loss = (temperature: tf.Tensor) =>
        tf.sum(
          klDivergencePerExample(logits('S'), logits('T'), {
            temperature: temperature as tf.Scalar,
          }),
        ) as tf.Scalar;
      const at = tf.scalar(2);
      expectClose(tf.grad(loss)(at).dataSync(), numericalGradient(loss, at), 1e-3);
    }));
  test('no gradient reaches the teacher', () =>
    tf.tidy(() => {
      const loss = (teacher: tf.Tensor) =>
        tf.sum(klDivergencePerExample(logits('S'), teacher as tf.Tensor2D, { temperature: 2 }));
      expectClose(tf.grad(loss)(logits('T')).dataSync(), new Array(40).fill(0), 0);
    }));
  test('it leaves no tensor but its result', async () => {
    const [student, teacher] = [logits('S'), logits('T')];
    await expectNoNewTensors(() =>
      klDivergencePerExample(student, teacher, { temperature: 2 }).dispose(),
    );
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

function rowsOf(logits: tf.Tensor2D): number[][] {
  return logits.arraySync();
}

function divergenceInFloat64(
  student: readonly number[],
  teacher: readonly number[],
  temperature: number,
): number {
  const [p, q] = [teacher, student].map((logits) => {
    const weights = logits.map((logit) => Math.exp(logit / temperature));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  }) as [number[], number[]];
  return p.reduce(
    (sum, probability, at) => sum + probability * Math.log(probability / (q[at] as number)),
    0,
  );
}

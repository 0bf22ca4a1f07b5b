import type { LossInputs, Outputs } from '@kd/core';
import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { infoNce, infoNcePerExample } from '../../src/index.ts';

const students = () => tf.tensor2d([0.4, -0.2, 0.9, 1.1, 0.3, -0.5, -0.7, 0.8, 0.2], [3, 3]);
const teachers = () => tf.tensor2d([0.5, 0.1, 0.7, -0.3, 0.6, -0.9, 0.2, 1.2, 0.4], [3, 3]);
const outputs = (rows: tf.Tensor): Outputs => ({
  logits: tf.zeros([rows.shape[0] as number, 2]),
  features: { rows },
});
const stepOf = (student: tf.Tensor, teacher: tf.Tensor): LossInputs => ({
  student: outputs(student),
  teacher: outputs(teacher),
  labels: tf.zeros([student.shape[0] as number], 'int32'),
  scheduledValues: {},
});
const pair = { student: 'rows', teacher: 'rows' };
const tapsOf = (student: number, teacher: number) => ({
  student: { name: 'rows', channels: student, stride: 0 },
  teacher: { name: 'rows', channels: teacher, stride: 0 },
});

onEveryEngine(() => {
  test('rows all alike cost log(batch), each way', () =>
    tf.tidy(() => {
      const alike = tf.tile(tf.tensor2d([[1, 2, 3]]), [4, 1]);
      expectClose(infoNcePerExample(alike, alike).dataSync(), new Array(4).fill(Math.log(4)), 1e-6);
      expectClose(
        infoNcePerExample(alike, alike, { direction: 'both ways' }).dataSync(),
        new Array(4).fill(2 * Math.log(4)),
        1e-6,
      );
    }));
  test('orthogonal rows that find their partners cost log(1 + (batch − 1) · exp(−1 / temperature))', () =>
    tf.tidy(() => {
      const rows = tf.eye(3);
      expectClose(
        infoNcePerExample(rows, rows, { temperature: 0.5 }).dataSync(),
        new Array(3).fill(Math.log1p(2 * Math.exp(-2))),
        1e-5,
      );
    }));
  test('the lengths of rows do not matter, nor the order of the examples', () =>
    tf.tidy(() => {
      const plain = infoNcePerExample(students(), teachers()).dataSync();
      expectClose(
        infoNcePerExample(tf.mul(students(), 7), tf.mul(teachers(), 0.01)).dataSync(),
        plain,
        1e-5,
      );
      expectClose(
        tf
          .reverse(infoNcePerExample(tf.reverse(students(), 0), tf.reverse(teachers(), 0)))
          .dataSync(),
        plain,
        1e-5,
      );
    }));
  test('both ways is one way and the other', () =>
    tf.tidy(() => {
      const sum = tf.add(
        infoNcePerExample(students(), teachers()),
        infoNcePerExample(teachers(), students()),
      );
      expectClose(
        infoNcePerExample(students(), teachers(), { direction: 'both ways' }).dataSync(),
        sum.dataSync(),
        1e-5,
      );
    }));
  test.each(['student to teacher', 'both ways'] as const)(
    'its gradient is that of finite differences: %s',
    (direction) =>
      tf.tidy(() => {
        const loss = (x: tf.Tensor) =>
          infoNce({ ...pair, temperature: 0.5, direction })(stepOf(x, teachers()));
        expectClose(
          tf.grad(loss)(students()).dataSync(),
          numericalGradient(loss, students()),
          2e-3,
        );
      }),
  );
  test('the teacher gets no gradient', () =>
    tf.tidy(() => {
      const gradient = tf.grad((x: tf.Tensor) =>
        infoNce({ ...pair, direction: 'both ways' })(stepOf(students(), x)),
      )(teachers());
      expectClose(gradient.dataSync(), new Array(9).fill(0), 1e-9);
    }));
  test('a batch of one costs 0; zero, huge and doubled rows have finite values and gradients', () =>
    tf.tidy(() => {
      const one = tf.valueAndGrad((x: tf.Tensor) =>
        infoNce(pair)(stepOf(x, tf.tensor2d([[1, 2]]))),
      )(tf.tensor2d([[3, 1]]));
      expectClose(one.value.dataSync(), [0], 1e-6);
      expectClose(one.grad.dataSync(), [0, 0], 1e-6);
      const zero = tf.valueAndGrad((x: tf.Tensor) => infoNce(pair)(stepOf(x, teachers())))(
        tf.zeros([3, 3]),
      );
      expectClose(zero.value.dataSync(), [Math.log(3)], 1e-6);
      expectClose(zero.grad.dataSync(), new Array(9).fill(0), 1e-9);
      for (const rows of [tf.mul(students(), 1e3), tf.tile(tf.slice(students(), 0, 1), [3, 1])]) {
        const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
          infoNce(pair)(stepOf(x, teachers())),
        )(rows);
        expect([...value.dataSync(), ...grad.dataSync()].every(Number.isFinite)).toBe(true);
      }
    }));
  test('maps count by the mean over their pixels', () =>
    tf.tidy(() => {
      const maps = tf.stack([tf.add(students(), 0.3), tf.sub(students(), 0.3)], 1);
      const pooled = infoNce(pair)(stepOf(tf.reshape(maps, [3, 2, 1, 3]), teachers()));
      expectClose(
        pooled.dataSync(),
        infoNce(pair)(stepOf(students(), teachers())).dataSync(),
        1e-5,
      );
    }));

  test('an embedding puts other widths side by side, and both of its maps train', () => {
    const term = infoNce({ ...tapsOf(3, 2), embedding: 4, seed: 7 });
    const weights = term.weights ?? {};
    expect(Object.entries(weights).map(([name, { shape }]) => `${name} ${shape}`)).toEqual([
      'student.0.kernel 3,4',
      'student.0.bias 4',
      'teacher.0.kernel 2,4',
      'teacher.0.bias 4',
    ]);
    const { grads } = tf.variableGrads(
      () => term(stepOf(students(), tf.slice(teachers(), [0, 0], [3, 2]))),
      Object.values(weights),
    );
    for (const gradient of Object.values(grads))
      expect(Math.max(...gradient.dataSync().map(Math.abs))).toBeGreaterThan(0);
    const again = infoNce({ ...tapsOf(3, 2), embedding: 4, seed: 7 }).weights ?? {};
    expectClose(
      again['student.0.kernel']?.dataSync() ?? [],
      weights['student.0.kernel']?.dataSync() ?? [],
      1e-9,
    );
    tf.dispose([grads, weights, again]);
  });
  test('it leaves no tensor but its result', async () => {
    const step = stepOf(students(), teachers());
    await expectNoNewTensors(() => infoNce({ ...pair, direction: 'both ways' })(step).dispose());
  });
  test('other widths, names without channels and bad temperatures are named', () =>
    tf.tidy(() => {
      expect(() => infoNce({ ...pair, temperature: 0 })).toThrow(
        new RangeError('infoNce: expected temperature > 0, got 0; 0.1 is usual.'),
      );
      expect(() => infoNce({ ...pair, embedding: 4 })).toThrow(
        "infoNce: expected a feature with its channels, got 'rows'; featureRef(network, 'rows') gives one.",
      );
      expect(() => infoNce(pair)(stepOf(students(), tf.zeros([3, 4])))).toThrow(
        'infoNce: expected student and teacher rows of the same width, got [3, 4]; embedding: 128 puts both on 128.',
      );
    }));
});

import { linear } from '@kd/core';
import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { softTargets, softTargetsPerExample } from '../src/index.ts';
import { expectEdge, expectGolden, labels, logits, perExample, stepOf } from './golden.ts';

onEveryEngine(() => {
  test.each([1, 2, 4, 20])(
    'it is RepDistiller’s DistillKL at temperature %d, in value and gradient',
    (temperature) => {
      expectGolden(`kd.T${temperature}`, softTargets({ temperature }));
    },
  );
  test('and on other logits, with the default temperature', () =>
    expectGolden('rich.kd.T4', softTargets(), 'Sr', 'Tr'));
  test.each(['extreme.kd.T1', 'extreme.kd.same.T1', 'extreme.kd.T4', 'extreme.kd.same.T4'])(
    'value and gradient are right at |logit| = 1e3: %s',
    (id) => {
      expectEdge(id, softTargets({ temperature: Number(id.at(-1)) }));
    },
  );
  test('each example carries T² times its divergence', () =>
    tf.tidy(() => {
      const { temperature, kl } = perExample;
      const examples = softTargetsPerExample(logits('S'), logits('T'), { temperature }).dataSync();
      expectClose(
        examples,
        kl.map((divergence) => divergence * temperature ** 2),
        1e-5,
      );
    }));

  test('its gradient is that of finite differences', () =>
    tf.tidy(() => {
      const student = tf.tensor2d([0.3, -0.2, 0.1, 0.7, 1.1, -0.4], [2, 3]);
      const teacher = tf.tensor2d([1.3, 0.2, -0.8, -0.7, 2.1, 0.4], [2, 3]);
      const loss = (x: tf.Tensor) =>
        softTargets({ temperature: 2 })(stepOf(x as tf.Tensor2D, teacher, tf.zeros([2], 'int32')));
      expectClose(tf.grad(loss)(student).dataSync(), numericalGradient(loss, student), 1e-3);
    }));
  test('a student equal to its teacher costs 0 and has gradient 0', () =>
    tf.tidy(() => {
      const loss = (x: tf.Tensor) => softTargets()(stepOf(x as tf.Tensor2D, logits('S'), labels()));
      const { value, grad } = tf.valueAndGrad(loss)(logits('S'));
      expect(value.dataSync()[0]).toBe(0);
      expectClose(grad.dataSync(), new Array(40).fill(0), 1e-6);
    }));
  test('a constant added to either’s rows changes nothing', () =>
    tf.tidy(() => {
      const options = { temperature: 4 };
      const plain = softTargetsPerExample(logits('S'), logits('T'), options).dataSync();
      const offsets = tf.tensor2d([8, -3, 20, 0], [4, 1]);
      expectClose(
        softTargetsPerExample(tf.add(logits('S'), offsets), logits('T'), options).dataSync(),
        plain,
        1e-5,
      );
      expectClose(
        softTargetsPerExample(logits('S'), tf.add(logits('T'), offsets), options).dataSync(),
        plain,
        1e-5,
      );
    }));
  test('the order of the examples does not matter', () =>
    tf.tidy(() => {
      const reversed = softTargets()(
        stepOf(tf.reverse(logits('S'), 0), tf.reverse(logits('T'), 0), labels()),
      );
      expectClose(
        reversed.dataSync(),
        softTargets()(stepOf(logits('S'), logits('T'), labels())).dataSync(),
        1e-6,
      );
    }));
  test('a temperature that changes enters as a number', () =>
    tf.tidy(() => {
      const term = softTargets({ temperature: linear({ from: 20, to: 1 }) });
      expect(term.schedules?.temperature?.(0)).toBe(20);
      expectGolden('kd.T2', (step) =>
        term({ ...step, scheduledValues: { temperature: tf.scalar(2) } }),
      );
      expect(() => term(stepOf(logits('S'), logits('T'), labels()))).toThrow(
        "softTargets: expected step.numbers['temperature'], got nothing; evaluate the term's `numbers` and hand the values in.",
      );
    }));
  test('it leaves no tensor but its result', async () => {
    const step = stepOf(logits('S'), logits('T'), labels(), { temperature: tf.scalar(3) });
    await expectNoNewTensors(() => softTargets()(step).dispose());
    await expectNoNewTensors(() => softTargets({ temperature: () => 3 })(step).dispose());
    tf.dispose([
      step.student.logits,
      step.labels,
      step.scheduledValues.temperature as tf.Scalar,
      ...(step.teacher ? [step.teacher.logits] : []),
    ]);
  });

  test('a missing teacher, bad temperatures and other classes are named', () =>
    tf.tidy(() => {
      const student = tf.zeros<tf.Rank.R2>([4, 10]);
      expect(softTargets().needsTeacher).toBe(true);
      expect(() => softTargets({ temperature: 0 })).toThrow(
        new RangeError('softTargets: expected temperature > 0, got 0; 4 is usual.'),
      );
      expect(() => softTargets({ temperature: Number.NaN })).toThrow(
        'softTargets: expected temperature > 0, got NaN; 4 is usual.',
      );
      expect(() => softTargets()(stepOf(student, undefined, labels()))).toThrow(
        'softTargets: expected a teacher in the step, got nothing; train with a teacher or take this term out.',
      );
      expect(() => softTargets()(stepOf(student, tf.zeros([4, 100]), labels()))).toThrow(
        'softTargets: expected student logits and teacher logits of the same shape, got [4, 10] and [4, 100].',
      );
    }));
});

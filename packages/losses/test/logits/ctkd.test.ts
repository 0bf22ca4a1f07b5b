import { expectClose, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { ctkd, ctkdPerExample, gradientReversalSchedule, softTargets } from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import { expectFinite, expectTidy, small } from './helpers.ts';

/** A term that holds still: its weight is freed with the tensor that it is given. */
function at(raw: tf.Tensor, factor: number) {
  return ({ student, teacher = student }: ReturnType<typeof stepOf>) =>
    tf.mean(ctkdPerExample(student.logits, teacher.logits, raw, { reversal: factor })) as tf.Scalar;
}

onEveryEngine(() => {
  test('it is soft targets at temperature start + span · sigmoid(raw)', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const step = stepOf(student, teacher, labels);
      expectClose(
        at(tf.scalar(0), -1)(step).dataSync(),
        softTargets({ temperature: 11 })(step).dataSync(),
        1e-5,
      );
    }));
  test('the gradient to raw is that of finite differences times the factor, and the student’s is not changed', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const raw = tf.tensor1d([-1.5]);
      const step = stepOf(student, teacher, labels);
      const along = numericalGradient((x) => at(x, 1)(step), raw, 0.1);
      const found = tf
        .grad((x: tf.Tensor) => at(x, -0.3)(step))(raw)
        .dataSync();
      expectClose(found, [-0.3 * (along[0] as number)], 1e-3);
      const temperature = 1 + 20 / (1 + Math.exp(1.5));
      const [learned, fixed] = [at(raw, -0.3), softTargets({ temperature })].map((term) =>
        tf
          .grad((x: tf.Tensor) => term(stepOf(x as tf.Tensor2D, teacher, labels)))(student)
          .dataSync(),
      );
      expectClose(learned as Float32Array, fixed as Float32Array, 1e-5);
    }));
  test('its weight trains, and the reversal enters as a number', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const term = ctkd({ reversal: gradientReversalSchedule({ over: 0.5 }) });
      const raw = term.weights?.raw as tf.Variable;
      expect([raw.dataSync()[0], raw.trainable, Object.keys(term.schedules ?? {})]).toEqual([
        1,
        true,
        ['reversal'],
      ]);
      const slope = (factor: number) => {
        const step = stepOf(student, teacher, labels, { reversal: tf.scalar(factor) });
        return tf.variableGrads(() => term(step), [raw]).grads[raw.name]?.dataSync()[0] as number;
      };
      expect(slope(0)).toBeCloseTo(0, 12);
      expectClose([slope(-1)], [-slope(1)], 1e-6);
      expect(slope(1)).not.toBe(0);
      raw.dispose();
    }));
  test('the reversal falls on half a cosine and stays', () => {
    const factor = gradientReversalSchedule({ over: 10 / 40 });
    expect(factor(0)).toBeCloseTo(0, 12);
    expect(factor(5 / 40)).toBeCloseTo(-0.5, 12);
    expect([10 / 40, 0.5, 1].map(factor)).toEqual([-1, -1, -1]);
  });
  test('value and gradient are finite at the edges', () =>
    tf.tidy(() => {
      for (const raw of [-100, 0, 100]) expectFinite(at(tf.scalar(raw), -1));
    }));
  test('it leaves no tensor but its result', async () => {
    const term = ctkd({ reversal: -1 });
    await expectTidy(term);
    tf.dispose(Object.values(term.weights ?? {}));
  });
  test('what does not fit is named', () => {
    expect(() => ctkd({ reversal: -1, start: 0 })).toThrow(
      'ctkd: expected start > 0 and span ≥ 0, got [0, 20]; 1 and 20 are usual.',
    );
    expect(() => gradientReversalSchedule({ over: 0 })).toThrow(
      'reversal: expected over, a share of the training > 0 and ≤ 1, got 0; 10 / 240 is usual.',
    );
  });
});

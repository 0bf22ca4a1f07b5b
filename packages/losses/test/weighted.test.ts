import type { LossTerm } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { crossEntropy, softTargets, weighted } from '../src/index.ts';
import { labels, logits, stepOf } from './golden.ts';

onEveryEngine(() => {
  test('a number multiplies the term and needs no number from the step', () =>
    tf.tidy(() => {
      const step = stepOf(logits('S'), undefined, labels());
      const half = weighted(0.5, crossEntropy());
      expect(half.schedules).toEqual({});
      expectClose(
        half(step).dataSync(),
        [(crossEntropy()(step).dataSync()[0] as number) / 2],
        1e-6,
      );
    }));
  test('a schedule enters as the number weight', () =>
    tf.tidy(() => {
      const term = weighted((progress) => 1 - progress, crossEntropy());
      expect(term.schedules?.weight?.(0.25)).toBe(0.75);
      const step = stepOf(logits('S'), undefined, labels(), { weight: tf.scalar(0.75) });
      expectClose(
        term(step).dataSync(),
        [(crossEntropy()(step).dataSync()[0] as number) * 0.75],
        1e-6,
      );
      expect(() => term({ ...step, scheduledValues: {} })).toThrow(
        "weighted: expected step.numbers['weight'], got nothing; evaluate the term's `numbers` and hand the values in.",
      );
    }));
  test('a weighted term weighted again keeps both weights and every number apart', () =>
    tf.tidy(() => {
      const schedule = () => 1;
      const inner = weighted(schedule, softTargets({ temperature: schedule }));
      const outer = weighted(schedule, inner);
      expect(Object.keys(outer.schedules ?? {}).sort()).toEqual([
        'inner.weight',
        'temperature',
        'weight',
      ]);
      const numbers = {
        weight: tf.scalar(3),
        'inner.weight': tf.scalar(0.5),
        temperature: tf.scalar(2),
      };
      const plain = softTargets({ temperature: 2 })(
        stepOf(logits('S'), logits('T'), labels()),
      ).dataSync()[0] as number;
      expectClose(
        outer(stepOf(logits('S'), logits('T'), labels(), numbers)).dataSync(),
        [plain * 1.5],
        1e-6,
      );
      const thrice = weighted(schedule, outer);
      expect(Object.keys(thrice.schedules ?? {}).sort()).toEqual([
        'inner.inner.weight',
        'inner.weight',
        'temperature',
        'weight',
      ]);
    }));
  test('it passes on the term’s weights and its need of a teacher', () => {
    const scale = tf.variable(tf.scalar(2));
    const learned: LossTerm = Object.assign(() => tf.mul(scale, scale) as tf.Scalar, {
      weights: { scale },
    });
    expect(weighted(1, learned).weights).toEqual({ scale });
    expect(weighted(1, learned).needsTeacher).toBe(false);
    expect(weighted(1, softTargets()).needsTeacher).toBe(true);
    scale.dispose();
  });
  test('it leaves no tensor but its result', async () => {
    const step = stepOf(logits('S'), undefined, labels(), { weight: tf.scalar(2) });
    await expectNoNewTensors(() => weighted(() => 2, crossEntropy())(step).dispose());
    await expectNoNewTensors(() => weighted(2, crossEntropy())(step).dispose());
    tf.dispose([step.student.logits, step.labels, step.scheduledValues.weight as tf.Scalar]);
  });
  test('a weight that is not finite is named', () => {
    expect(() => weighted(Number.NaN, crossEntropy())).toThrow(
      new RangeError('weighted: expected a finite weight, got NaN.'),
    );
  });
});

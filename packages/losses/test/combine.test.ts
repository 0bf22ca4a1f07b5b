import type { LossTerm } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { combine, crossEntropy, softTargets, weighted } from '../src/index.ts';
import { expectGolden, labels, logits, stepOf } from './golden.ts';

describe('combine', () => {
  onEveryEngine(() => {
    test('the terms are the weighted values, and they add up to the total', () =>
      tf.tidy(() => {
        const step = stepOf(logits('S'), logits('T'), labels());
        const { total, terms } = combine({
          hard: weighted(0.1, crossEntropy()),
          soft: weighted(0.9, softTargets()),
        })(step);
        const hard = terms.hard.dataSync()[0] as number;
        const soft = terms.soft.dataSync()[0] as number;
        expectClose([hard], [(crossEntropy()(step).dataSync()[0] as number) * 0.1], 1e-6);
        expectClose(total.dataSync(), [hard + soft], 1e-6);
      }));
    test('gradients of all terms meet in the student', () => {
      expectGolden(
        'dml.first',
        (step) =>
          combine({ hard: crossEntropy(), peer: softTargets({ temperature: 1 }) })(step).total,
        'S',
        'S2',
      );
    });
    test('one term alone is its own total', () =>
      expectGolden('ce', (step) => combine({ hard: crossEntropy() })(step).total));

    test('each term receives its own scheduled values only, under its own names', () =>
      tf.tidy(() => {
        const seen: string[][] = [];
        const watching = (names: readonly string[]): LossTerm =>
          Object.assign(
            (step: Parameters<LossTerm>[0]) => {
              seen.push(Object.keys(step.scheduledValues));
              return tf.scalar(0);
            },
            { schedules: Object.fromEntries(names.map((name) => [name, () => 1])) },
          );
        const objective = combine({
          first: watching(['a', 'b']),
          second: watching([]),
          third: weighted(() => 1, watching(['a'])),
        });
        expect(Object.keys(objective.schedules)).toEqual([
          'first.a',
          'first.b',
          'third.weight',
          'third.a',
        ]);
        const one = tf.scalar(1);
        objective(
          stepOf(logits('S'), undefined, labels(), {
            'first.a': one,
            'first.b': one,
            'third.weight': one,
            'third.a': one,
          }),
        );
        expect(seen).toEqual([['a', 'b'], [], ['a']]);
        expect(() => objective(stepOf(logits('S'), undefined, labels()))).toThrow(
          "combine: expected step.scheduledValues['first.a'], got nothing; evaluate the term's `schedules` and pass their values.",
        );
      }));
    test('weights carry the term’s name and are trained through the total', () => {
      const scale = tf.variable(tf.scalar(2));
      const learned: LossTerm = Object.assign(() => tf.square(scale) as tf.Scalar, {
        weights: { scale },
      });
      const objective = combine({ hard: crossEntropy(), regressor: weighted(3, learned) });
      expect(objective.weights).toEqual({ 'regressor.scale': scale });
      tf.tidy(() => {
        const { grads } = tf.variableGrads(
          () => objective(stepOf(logits('S'), undefined, labels())).total,
          [scale],
        );
        expectClose((grads[scale.name] as tf.Tensor).dataSync(), [12], 1e-6);
      });
      scale.dispose();
    });
    test('it needs a teacher when a term does', () => {
      expect(combine({ hard: crossEntropy() }).needsTeacher).toBe(false);
      expect(
        combine({ hard: crossEntropy(), soft: weighted(0.5, softTargets()) }).needsTeacher,
      ).toBe(true);
    });
    test('it leaves no tensor but its results', async () => {
      const [student, teacher, classes] = [logits('S'), logits('T'), labels()];
      await expectNoNewTensors(() => {
        const { total, terms } = combine({
          hard: weighted(0.1, crossEntropy()),
          soft: softTargets(),
        })(stepOf(student, teacher, classes));
        tf.dispose([total, ...Object.values(terms)]);
      });
      tf.dispose([student, teacher, classes]);
    });

    test('no terms, bad names and a value that is not one number are named', () =>
      tf.tidy(() => {
        expect(() => combine({})).toThrow(
          new RangeError(
            'combine: expected at least one term, got none; combine({ hard: crossEntropy() }) is one.',
          ),
        );
        expect(() => combine({ 'a.b': crossEntropy() })).toThrow(
          "combine: expected names without a dot, not empty and not total, got 'a.b'.",
        );
        expect(() => combine({ '': crossEntropy() })).toThrow(
          "combine: expected names without a dot, not empty and not total, got ''.",
        );
        expect(() => combine({ total: crossEntropy() })).toThrow(
          "combine: expected names without a dot, not empty and not total, got 'total'.",
        );
        const rows = (() => tf.zeros([4])) as unknown as LossTerm;
        expect(() => combine({ rows })(stepOf(logits('S'), undefined, labels()))).toThrow(
          'combine: expected the value of rows, one number, of shape [], got [4].',
        );
      }));
  });
});

describe('weighted', () => {
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
    test('a schedule enters as the scheduled value weight', () =>
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
          "weighted: expected step.scheduledValues['weight'], got nothing; evaluate the term's `schedules` and pass their values.",
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
});

import type { LossTerm } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { combine, crossEntropy, softTargets, weighted } from '../src/index.ts';
import { expectGolden, labels, logits, stepOf } from './golden.ts';

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

  test('each term sees its own numbers only, under its own names', () =>
    tf.tidy(() => {
      const seen: string[][] = [];
      const watching = (names: readonly string[]): LossTerm =>
        Object.assign(
          (step: Parameters<LossTerm>[0]) => {
            seen.push(Object.keys(step.scheduledValues));
            return tf.scalar(0);
          },
          { numbers: Object.fromEntries(names.map((name) => [name, () => 1])) },
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
        "combine: expected step.numbers['first.a'], got nothing; evaluate the term's `numbers` and hand the values in.",
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
    expect(combine({ hard: crossEntropy(), soft: weighted(0.5, softTargets()) }).needsTeacher).toBe(
      true,
    );
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

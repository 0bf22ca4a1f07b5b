import type { LossInputs } from '@kd/core';
import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, test } from 'vitest';
import {
  combine,
  crossEntropy,
  crossEntropyPerExample,
  csKd,
  csKdPerExample,
  previousEpochTargets,
  psKd,
  psKdAlpha,
  psKdPerExample,
  softTargets,
  softTargetsPerExample,
  uskd,
  uskdBatchwise,
  virtualTeacher,
  virtualTeacherPerExample,
  weighted,
} from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import { expectFinite, expectRightGradient, expectTidy, small } from './helpers.ts';

describe('csKd', () => {
  const rows = [
    [0.3, -0.2, 0.1, 0.7],
    [1.1, -0.4, 0.2, 0.9],
    [-0.6, 0.5, 0.4, -1.2],
    [1.3, 0.2, -0.8, -0.7],
    [2.1, 0.4, -0.3, 1.4],
  ];
  const classes = [2, 1, 2, 0, 2];

  onEveryEngine(() => {
    test('the target of an image is the next of its class, wrapping around, and none if there is no other', () =>
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
        const found = tf.grad((x: tf.Tensor) =>
          csKd()(stepOf(x as tf.Tensor2D, undefined, labels)),
        )(logits);
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
});

describe('psKd', () => {
  const half = psKd({ alpha: 0.5 });

  onEveryEngine(() => {
    test('it is a mixture of both cross entropies', () =>
      tf.tidy(() => {
        const { student, teacher, labels } = small();
        const soft = tf.neg(tf.sum(tf.mul(tf.softmax(teacher), tf.logSoftmax(student)), 1));
        const expected = tf.add(
          tf.mul(crossEntropyPerExample(student, labels), 0.7),
          tf.mul(soft, 0.3),
        );
        expectClose(
          psKdPerExample(student, teacher, labels, { alpha: 0.3 }).dataSync(),
          expected.dataSync(),
          1e-6,
        );
        expectClose(
          psKdPerExample(student, teacher, labels, { alpha: 0 }).dataSync(),
          crossEntropyPerExample(student, labels).dataSync(),
          1e-6,
        );
      }));
    test('its gradient is that of finite differences, and the past has none', () =>
      expectRightGradient(half));
    test('alpha is a scheduled value and grows to 0.8 by default', () =>
      tf.tidy(() => {
        const { student, teacher, labels } = small();
        expect([0, 0.5, 1].map((progress) => psKd().schedules?.alpha?.(progress))).toEqual([
          0, 0.4, 0.8,
        ]);
        const found = psKd()(stepOf(student, teacher, labels, { alpha: tf.scalar(0.5) }));
        expectClose(found.dataSync(), half(stepOf(student, teacher, labels)).dataSync(), 1e-6);
      }));
    test('epoch by epoch alpha is α_T · (epoch + 1) / epochs', () => {
      const alpha = psKdAlpha({ epochs: 300 });
      for (const epoch of [0, 17, 149, 299])
        expect(alpha(epoch / 300)).toBeCloseTo((0.8 * (epoch + 1)) / 300, 12);
      expect(alpha(1)).toBe(0.8);
      expect(alpha(0.5 - 1e-6)).toBeCloseTo((0.8 * 150) / 300, 12);
    });
    test('value and gradient are finite at the edges', () => expectFinite(half));
    test('it leaves no tensor but its result', () => expectTidy(half));
    test('what does not fit is named', () =>
      tf.tidy(() => {
        const { student, labels } = small();
        expect(psKd().needsTeacher).toBe(true);
        expect(() => psKd({ alpha: 2 })).toThrow(
          new RangeError('psKd: expected alpha in [0, 1], got 2; 0.8 at the end is usual.'),
        );
        expect(() => psKdAlpha({ epochs: 0 })).toThrow(
          'psKdAlpha: expected a whole number of epochs ≥ 1, got 0.',
        );
        expect(() => half(stepOf(student, undefined, labels))).toThrow(
          'psKd: expected a teacher in the step',
        );
      }));
  });
});

describe('previousEpochTargets', () => {
  const logits = (shift = 0) =>
    tf.add(
      tf.tensor2d([0.3, -0.2, 0.9, 1.1, 0.4, -0.7], [2, 3]),
      tf.tensor1d([shift, 0, -shift]),
    ) as tf.Tensor2D;
  const stepOf = (student: tf.Tensor2D, rows = [4, 1]): LossInputs => ({
    student: { logits: student, features: {} },
    labels: tf.tensor1d([2, 0], 'int32'),
    indices: tf.tensor1d(rows, 'int32'),
    scheduledValues: {},
  });

  onEveryEngine(() => {
    const made: tf.Variable[] = [];
    afterEach(() => tf.dispose(made.splice(0)));
    const make = (term = psKd({ alpha: 0.6 })) => {
      const past = previousEpochTargets(term, { datasetSize: 6, classes: 3 });
      made.push(...Object.values(past.weights ?? {}));
      return past;
    };

    test('images that are new have their labels as teachers, in value and gradient', () =>
      tf.tidy(() => {
        const [first, hard] = [make(), crossEntropy()].map((term) =>
          tf.valueAndGrad((x: tf.Tensor) => term(stepOf(x as tf.Tensor2D)))(logits()),
        );
        expectClose(first?.value.dataSync() ?? [], hard?.value.dataSync() ?? [], 1e-6);
        expectClose(first?.grad.dataSync() ?? [], hard?.grad.dataSync() ?? [], 1e-6);
      }));
    test('images seen before have their latest logits, in whatever batch they come', () =>
      tf.tidy(() => {
        const past = make();
        past(stepOf(logits()));
        past(stepOf(logits(1), [0, 2]));
        const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
          past(stepOf(x as tf.Tensor2D, [1, 4])),
        )(logits(2));
        const swapped = tf.reverse(logits(), 0);
        const teacher = { logits: swapped as tf.Tensor2D, features: {} };
        const expected = tf.valueAndGrad((x: tf.Tensor) =>
          psKd({ alpha: 0.6 })({ ...stepOf(x as tf.Tensor2D), teacher }),
        )(logits(2));
        expectClose(value.dataSync(), expected.value.dataSync(), 1e-6);
        expectClose(grad.dataSync(), expected.grad.dataSync(), 1e-6);
      }));
    test('a student with unchanged logits is its own teacher', () =>
      tf.tidy(() => {
        const past = make(softTargets());
        past(stepOf(logits()));
        expectClose(past(stepOf(logits())).dataSync(), [0], 1e-6);
      }));
    test('logits of 1e3 have finite losses and gradients', () =>
      tf.tidy(() => {
        const past = make();
        for (let time = 0; time < 2; time++) {
          const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => past(stepOf(x as tf.Tensor2D)))(
            tf.mul(logits(), 1e3),
          );
          expect([...value.dataSync(), ...grad.dataSync()].every(Number.isFinite)).toBe(true);
        }
      }));
    test('combined it asks for rows and for no teacher, and keeps the numbers of its term', () => {
      const objective = combine({ self: weighted(1, make(psKd())) });
      expect([objective.needsTeacher, objective.needsIndices]).toEqual([false, true]);
      expect([Object.keys(objective.schedules), Object.keys(objective.weights)]).toEqual([
        ['self.alpha'],
        ['self.past.logits'],
      ]);
    });
    test('it leaves no tensor but its result', async () => {
      const [past, step] = [make(), stepOf(logits())];
      await expectNoNewTensors(() => past(step).dispose());
    });
    test('missing rows and other classes are named', () =>
      tf.tidy(() => {
        const { indices: _, ...without } = stepOf(logits());
        expect(() => make()(without)).toThrow(
          'previousEpochTargets: expected step.indices, got nothing; the trainer passes them; combine and weighted declare the need.',
        );
        expect(() => make()(stepOf(tf.zeros([2, 4])))).toThrow(
          'previousEpochTargets: expected student logits [batch, 3] of shape [any, 3], got [2, 4].',
        );
        expect(() => previousEpochTargets(psKd(), { datasetSize: 0, classes: 3 })).toThrow(
          new RangeError('previousEpochTargets: expected a whole number of images ≥ 1, got 0.'),
        );
      }));
  });
});

describe('virtualTeacher', () => {
  onEveryEngine(() => {
    test('it is the divergence from its softened belief', () =>
      tf.tidy(() => {
        const { student, labels } = small();
        const belief = tf.add<tf.Tensor2D>(tf.mul(tf.oneHot(labels, 4), 0.7 - 0.1), 0.1);
        const expected = softTargets({ temperature: 1 })(
          stepOf(student, tf.div(belief, 5), labels),
        );
        const found = virtualTeacher({ temperature: 5, correctProbability: 0.7 })(
          stepOf(student, undefined, labels),
        );
        expectClose(found.dataSync(), expected.dataSync(), 1e-6);
      }));
    test('a student of that belief costs 0', () =>
      tf.tidy(() => {
        const logits = tf.tensor2d([[0.97 / 2, 0.01 / 2, 0.01 / 2, 0.01 / 2]]);
        const options = { temperature: 2, correctProbability: 0.97 };
        expect(
          virtualTeacherPerExample(logits, tf.tensor1d([0], 'int32'), options).dataSync()[0],
        ).toBeCloseTo(0, 7);
      }));
    test('its gradient is p − belief', () =>
      tf.tidy(() => {
        const { student, labels } = small();
        const belief = tf.softmax(
          tf.div<tf.Tensor2D>(tf.add(tf.mul(tf.oneHot(labels, 4), 0.99 - 0.01 / 3), 0.01 / 3), 20),
        );
        const gradient = tf.grad((x: tf.Tensor) =>
          virtualTeacher()(stepOf(x as tf.Tensor2D, undefined, labels)),
        )(student);
        expectClose(
          gradient.dataSync(),
          tf.div(tf.sub(tf.softmax(student), belief), 3).dataSync(),
          1e-5,
        );
      }));
    test('value and gradient are finite at the edges', () => expectFinite(virtualTeacher()));
    test('it leaves no tensor but its result', () => expectTidy(virtualTeacher()));
    test('what does not fit is named', () =>
      tf.tidy(() => {
        expect(() => virtualTeacher({ temperature: 0 })).toThrow(
          'virtualTeacher: expected temperature > 0, got 0',
        );
        expect(() => virtualTeacher({ correctProbability: 1.5 })).toThrow(
          'virtualTeacher: expected correctProbability in [0, 1], got 1.5; 0.99 is usual.',
        );
        expect(() => virtualTeacherPerExample(tf.zeros([2, 1]), tf.zeros([2], 'int32'))).toThrow(
          'virtualTeacher: expected at least 2 classes, got 1',
        );
      }));
  });
});

describe('uskd', () => {
  const tap = { name: 'inner', channels: 2, stride: 0 };

  onEveryEngine(() => {
    test('of two equal predictions the label is hard and the other classes have shares by rank', () =>
      tf.tidy(() => {
        const log = Math.log;
        // Probabilities 1/10, 2/10, 3/10, 4/10, label 1: the classes are ranked 3, 2, 1, 0, the
        // others' shares are ∝ 1/4, 1/2, 1.
        const row = [1, 2, 3, 4].map(log);
        const found = uskdBatchwise(
          tf.tensor2d([row]),
          tf.tensor2d([row]),
          tf.tensor1d([1], 'int32'),
          { alpha: 3, beta: 2, mu: 0 },
        );
        const others = -((1 / 4) * log(1 / 8) + (1 / 2) * log(3 / 8) + log(4 / 8)) / (7 / 4);
        expectClose(found.dataSync(), [3 * -log(2 / 10) + 2 * others], 1e-6);
      }));
    test('the soft labels are 1 plus the squared probability less its mean', () =>
      tf.tidy(() => {
        const { student, labels } = small();
        const probabilities = Array.from(
          tf.sum(tf.mul(tf.softmax(student), tf.oneHot(labels, 4)), 1).dataSync(),
        );
        const squares = probabilities.map((p) => p * p);
        const mean = squares.reduce((sum, square) => sum + square) / 3;
        const expected =
          -squares.reduce(
            (sum, square, at) => sum + (1 + square - mean) * Math.log(probabilities[at] as number),
            0,
          ) / 3;
        expectClose(
          uskdBatchwise(student, student, labels, { beta: 0, mu: 0 }).dataSync(),
          [expected],
          1e-5,
        );
      }));
    test('the weak classifier learns from the label alone, by a gradient of finite differences', () =>
      tf.tidy(() => {
        const { student, teacher, labels } = small();
        const loss = (x: tf.Tensor) => uskdBatchwise(student, x as tf.Tensor2D, labels, { mu: 1 });
        expectClose(tf.grad(loss)(teacher).dataSync(), numericalGradient(loss, teacher), 1e-3);
      }));
    test('value and gradient are finite at the edges', () => {
      expectFinite(({ student, teacher = student, labels }) =>
        uskdBatchwise(student.logits, teacher.logits, labels),
      );
    });
    test('its weak classifier is drawn from the seed, trains, and reads rows or maps', () =>
      tf.tidy(() => {
        const { student, labels } = small();
        const term = uskd({ feature: tap, classes: 4, seed: 1, mu: 1 });
        const again = uskd({ feature: tap, classes: 4, seed: 1 }).weights ?? {};
        const weights = term.weights ?? {};
        expect(Object.entries(weights).map(([name, { shape }]) => [name, shape])).toEqual([
          ['weak.0.kernel', [2, 4]],
          ['weak.0.bias', [4]],
        ]);
        for (const [name, weight] of Object.entries(weights))
          expectClose(weight.dataSync(), again[name]?.dataSync() ?? [], 0);
        const rows = tf.tensor2d([1, -1, 0.5, 2, 0.2, 0.1], [3, 2]);
        const stepWith = (inner: tf.Tensor) => ({
          ...stepOf(student, undefined, labels),
          student: { logits: student, features: { inner } },
        });
        const maps = tf.tile(tf.reshape(rows, [3, 1, 1, 2]), [1, 2, 2, 1]);
        expectClose(term(stepWith(maps)).dataSync(), term(stepWith(rows)).dataSync(), 1e-6);
        const { grads } = tf.variableGrads(() => term(stepWith(rows)), Object.values(weights));
        expect(
          Object.values(grads).every(
            (grad) => (tf.max(tf.abs(grad)).dataSync()[0] as number) > 1e-3,
          ),
        ).toBe(true);
        tf.dispose([weights, again]);
      }));
    test('it leaves no tensor but its result', async () => {
      await expectTidy(({ student, labels }) =>
        uskdBatchwise(student.logits, student.logits, labels),
      );
    });
    test('what does not fit is named', () =>
      tf.tidy(() => {
        const { student, labels } = small();
        expect(() => uskdBatchwise(student, tf.zeros([3, 5]), labels)).toThrow(
          'uskd: expected weak logits of shape [3, 4], got [3, 5].',
        );
        expect(() => uskd({ feature: tap, classes: 4, mu: Number.NaN })).toThrow(
          'uskd: expected finite alpha, beta and mu, got [1, 0.1, NaN].',
        );
      }));
  });
});

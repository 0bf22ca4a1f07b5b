import { expectClose, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  batchCorrelation,
  classCorrelation,
  crossEntropy,
  ctkd,
  ctkdPerExample,
  type DistOptions,
  dist,
  distBatchwise,
  dkd,
  gradientReversalSchedule,
  logitStandardization,
  mlkd,
  mlkdParts,
  softTargets,
  standardizeLogits,
  weighted,
} from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import {
  expectFinite,
  expectRestAtTeacher,
  expectRightGradient,
  expectTidy,
  expectUnchanged,
  small,
} from './helpers.ts';

describe('dist', () => {
  onEveryEngine(() => {
    test('it is 0 where rows of probabilities are positively affinely related', () =>
      tf.tidy(() => {
        const teacher = tf.tensor2d([0.1, 0.2, 0.7, 0.5, 0.3, 0.2], [2, 3]);
        // p_S = 0.4 p_T + 0.2: rows of 3 still add up to 1.
        const student = tf.add<tf.Tensor2D>(tf.mul(teacher, 0.4), 0.2);
        expect(distBatchwise(tf.log(student), tf.log(teacher)).dataSync()[0]).toBeCloseTo(0, 5);
      }));
    test('it is 2 · beta · τ² where rows are negatively related', () =>
      tf.tidy(() => {
        const teacher = tf.tensor2d([[0.1, 0.2, 0.7]]);
        const student = tf.add<tf.Tensor2D>(tf.mul(teacher, -0.5), 0.5);
        const found = distBatchwise(tf.log(student), tf.log(teacher), { beta: 3, gamma: 0 });
        expectClose(found.dataSync(), [6], 1e-5);
      }));
    test('of one example the relation between examples is none: gamma · τ²', () =>
      tf.tidy(() => {
        const [student, teacher] = [tf.tensor2d([[1, 2, 4]]), tf.tensor2d([[0, 3, 1]])];
        expect(
          distBatchwise(student, teacher, { beta: 0, gamma: 2, temperature: 3 }).dataSync()[0],
        ).toBe(18);
      }));
    test('with two classes rows correlate by 1 or −1 whatever the logits: only the relation between examples has a gradient', () =>
      tf.tidy(() => {
        const [student, teacher] = [
          tf.tensor2d([1, 0.2, -0.4, 0.9, 0.3, 0.1], [3, 2]),
          tf.tensor2d([0.5, 0, 0.1, 1, 2, -1], [3, 2]),
        ];
        const gradient = (options: DistOptions, rows: number) =>
          tf.grad((x: tf.Tensor) =>
            distBatchwise(x as tf.Tensor2D, tf.slice(teacher, 0, rows), options),
          )(tf.slice(student, 0, rows));
        expectClose(gradient({ gamma: 0 }, 3).dataSync(), new Array(6).fill(0), 1e-6);
        expectClose(gradient({}, 2).dataSync(), new Array(4).fill(0), 1e-6);
        expectClose(gradient({}, 3).dataSync(), gradient({ beta: 0 }, 3).dataSync(), 1e-5);
      }));
    test('its gradient is that of finite differences, and the teacher has none', () =>
      expectRightGradient(dist({ beta: 2, temperature: 2 })));
    test('a student equal to its teacher costs 0 and has gradient 0', () =>
      expectRestAtTeacher(dist()));
    test('a constant added to rows, and the order of examples and classes, change nothing', () => {
      expectUnchanged(dist(), (x) => tf.add(x, tf.tensor2d([8, -3, 0], [3, 1])));
      expectUnchanged(dist(), (x) => tf.reverse(x, 0));
      expectUnchanged(dist(), (x) => tf.reverse(x, 1));
    });
    test('value and gradient are finite at the edges', () => expectFinite(dist()));
    test('it leaves no tensor but its result', () => expectTidy(dist()));
    test('what does not fit is named', () =>
      tf.tidy(() => {
        const { student, labels } = small();
        expect(dist().needsTeacher).toBe(true);
        expect(() => dist({ gamma: Number.POSITIVE_INFINITY })).toThrow(
          new RangeError('dist: expected finite beta and gamma, got [1, Infinity].'),
        );
        expect(() => dist({ temperature: 0 })).toThrow('dist: expected temperature > 0, got 0');
        expect(() => dist()(stepOf(student, undefined, labels))).toThrow(
          'dist: expected a teacher in the step',
        );
      }));
  });
});

describe('logitStandardization', () => {
  const term = logitStandardization(softTargets({ temperature: 2 }));

  onEveryEngine(() => {
    test('rows get mean 0 and deviation 1, over C − 1 or over C', () =>
      tf.tidy(() => {
        const logits = tf.tensor2d([1, 2, 3, 10, 10, 40], [2, 3]);
        expectClose(
          standardizeLogits(logits).dataSync(),
          [-1, 0, 1, -10 / Math.sqrt(300), -10 / Math.sqrt(300), 20 / Math.sqrt(300)],
          1e-6,
        );
        const root = Math.sqrt(1.5);
        expectClose(
          standardizeLogits(logits, { std: 'population' }).dataSync().slice(0, 3),
          [-root, 0, root],
          1e-6,
        );
      }));
    test('a · z + b, a > 0, changes nothing', () => {
      for (const standardized of [term, logitStandardization(dkd())]) {
        expectUnchanged(standardized, (z) =>
          tf.add(tf.mul(z, tf.tensor2d([0.5, 3, 10], [3, 1])), tf.tensor2d([8, -3, 0], [3, 1])),
        );
      }
    });
    test('its gradient is that of finite differences, and the teacher has none', () =>
      expectRightGradient(term));
    test('a student equal to its teacher costs 0 and has gradient 0', () =>
      expectRestAtTeacher(term));
    test('a constant row becomes 0', () =>
      tf.tidy(() =>
        expectClose(standardizeLogits(tf.fill([1, 4], 0.5)).dataSync(), [0, 0, 0, 0], 0),
      ));
    test('value and gradient are finite at the edges', () => {
      expectFinite(term);
      expectFinite(logitStandardization(dkd({ temperature: 1 })));
    });
    test('it keeps the weights, the schedules and the needs of the term', () => {
      const inner = weighted(() => 2, softTargets({ temperature: () => 3 }));
      expect(Object.keys(logitStandardization(inner).schedules ?? {}).sort()).toEqual([
        'temperature',
        'weight',
      ]);
      const scale = tf.variable(tf.scalar(2));
      const learned = Object.assign(() => tf.clone(scale) as tf.Scalar, {
        weights: { scale },
        needsIndices: true,
      });
      expect({ ...logitStandardization(learned) }).toMatchObject({
        weights: { scale },
        needsIndices: true,
        needsTeacher: true,
      });
      scale.dispose();
    });
    test('it leaves no tensor but its result', () => expectTidy(term));
    test('what does not fit is named', () =>
      tf.tidy(() => {
        const { student, labels } = small();
        expect(() =>
          logitStandardization(crossEntropy())(stepOf(student, undefined, labels)),
        ).toThrow('logitStandardization: expected a teacher in the step');
        expect(() => logitStandardization(term, { epsilon: 0 })).toThrow(
          'logitStandardization: expected epsilon > 0, got 0; 1e-7 is usual.',
        );
        expect(() => standardizeLogits(tf.zeros([2, 1]))).toThrow(
          'logitStandardization: expected at least 2 classes, got 1.',
        );
      }));
  });
});

describe('mlkd', () => {
  const terms = {
    batchCorrelation: batchCorrelation(),
    classCorrelation: classCorrelation(),
    mlkd: mlkd(),
  };

  onEveryEngine(() => {
    test('correlations are distances of products of probabilities', () =>
      tf.tidy(() => {
        const log = (rows: number[][]) => tf.log(tf.tensor2d(rows));
        const [student, teacher] = [log([[0.5, 0.5]]), log([[0.25, 0.75]])];
        const step = stepOf(student, teacher, tf.zeros([1], 'int32'));
        // PᵀP: [[.25, .25], [.25, .25]] and [[.0625, .1875], [.1875, .5625]]; P Pᵀ: .5 and .625.
        expectClose(
          classCorrelation({ temperature: 1 })(step).dataSync(),
          [(0.1875 ** 2 + 2 * 0.0625 ** 2 + 0.3125 ** 2) / 2],
          1e-5,
        );
        expectClose(batchCorrelation({ temperature: 1 })(step).dataSync(), [0.125 ** 2], 1e-5);
      }));
    test.each(Object.entries(terms))(
      '%s has the gradient of finite differences, and the teacher has none',
      (_, term) => expectRightGradient(term),
    );
    test.each(Object.entries(terms))(
      '%s of a student equal to its teacher is 0 with gradient 0',
      (_, term) => expectRestAtTeacher(term),
    );
    test.each(Object.entries(terms))(
      '%s is the same in another order of examples or classes',
      (_, term) => {
        expectUnchanged(term, (x) => tf.reverse(x, 0));
        expectUnchanged(term, (x) => tf.reverse(x, 1));
      },
    );
    test.each(Object.entries(terms))('%s is finite at the edges, with its gradient', (_, term) =>
      expectFinite(term),
    );
    test.each(Object.entries(terms))('%s leaves no tensor but its result', (_, term) =>
      expectTidy(term),
    );

    test('parts of the weak view count by the share of what the teacher is at most as sure of as of the median', () =>
      tf.tidy(() => {
        const { student, teacher, labels } = small();
        const step = stepOf(student, teacher, labels);
        const { instance, batch, classes } = mlkdParts({ student, teacher }, undefined, {
          temperatures: [4],
        });
        // Of three examples two are up to the median, of four classes two.
        expectClose(
          instance.dataSync(),
          [((softTargets()(step).dataSync()[0] as number) * 2) / 3],
          1e-5,
        );
        expectClose(
          batch.dataSync(),
          [((batchCorrelation()(step).dataSync()[0] as number) * 2) / 3],
          1e-5,
        );
        expectClose(
          classes.dataSync(),
          [(classCorrelation()(step).dataSync()[0] as number) / 2],
          1e-5,
        );
      }));
    test('the strong view is compared at the first three temperatures, or at all', () =>
      tf.tidy(() => {
        const { student, teacher, labels } = small();
        const strong = { student: tf.neg(student), teacher: tf.mul<tf.Tensor2D>(teacher, 2) };
        const soft = (
          from: { student: tf.Tensor2D; teacher: tf.Tensor2D },
          at: readonly number[],
        ) =>
          at.reduce(
            (sum, temperature) =>
              sum +
              (softTargets({ temperature })(
                stepOf(from.student, from.teacher, labels),
              ).dataSync()[0] as number),
            0,
          );
        const alone = mlkdParts({ student, teacher }, undefined).instance.dataSync()[0] as number;
        const published = mlkdParts({ student, teacher }, strong).instance;
        expectClose(
          published.dataSync(),
          [alone + soft(strong, [4, 3, 5]) + soft({ student, teacher }, [2, 6])],
          1e-5,
        );
        const all = mlkdParts({ student, teacher }, strong, { strongAt: 'all' }).instance;
        expectClose(all.dataSync(), [alone + soft(strong, [4, 3, 5, 2, 6])], 1e-5);
      }));
    test('the term finds the strong view’s logits by name', () =>
      tf.tidy(() => {
        const { student, teacher, labels } = small();
        const strong = { student: tf.neg(student), teacher: tf.mul<tf.Tensor2D>(teacher, 2) };
        const step = {
          ...stepOf(student, teacher, labels),
          student: { logits: student, features: { strong: strong.student } },
          teacher: { logits: teacher, features: { strong: strong.teacher } },
        };
        const { instance, batch, classes } = mlkdParts({ student, teacher }, strong);
        expectClose(
          mlkd({ strong: 'strong' })(step).dataSync(),
          tf.addN([instance, batch, classes]).dataSync(),
          1e-6,
        );
        expect(() => mlkd({ strong: 'loud' })(step)).toThrow(
          "mlkd: expected a feature 'loud', got features strong",
        );
      }));
    test('what does not fit is named', () => {
      expect(() => mlkd({ temperatures: [] })).toThrow(
        'mlkd: expected at least one temperature, got none; [4, 3, 5, 2, 6] are usual.',
      );
      expect(() => mlkd({ temperatures: [4, 0] })).toThrow('mlkd: expected temperature > 0, got 0');
      expect(() => classCorrelation({ temperature: -1 })).toThrow(
        'classCorrelation: expected temperature > 0, got -1',
      );
      expect(() => batchCorrelation({ temperature: -1 })).toThrow(
        'batchCorrelation: expected temperature > 0, got -1',
      );
    });
  });
});

describe('ctkd', () => {
  /** A term that holds still: its weight is freed with the tensor that it is given. */
  function at(raw: tf.Tensor, factor: number) {
    return ({ student, teacher = student }: ReturnType<typeof stepOf>) =>
      tf.mean(
        ctkdPerExample(student.logits, teacher.logits, raw, { reversal: factor }),
      ) as tf.Scalar;
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
        'gradientReversalSchedule: expected over, a share of the training > 0 and ≤ 1, got 0; 10 / 240 is usual.',
      );
    });
  });
});

import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  correlationCongruence,
  correlationCongruenceBatchwise,
  pkt,
  rkd,
  rkdBatchwise,
  similarityPreserving,
} from '../../src/index.ts';
import { distancesByDifferences, distancesByProduct } from '../../src/shared/linalg.ts';
import {
  expectFinite,
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

describe('rkd', () => {
  const forms = [{}, { distanceWeight: 0 }, { angleWeight: 0 }, { normalize: true }];

  onEveryEngine(() => {
    test.each(forms)('with %o the gradient is that of finite differences', (options) =>
      tf.tidy(() =>
        expectTrueGradient(
          rkd(pairs(), options),
          [filled([4, 3], 1)],
          [filled([4, 2, 1, 2], 2)],
          1e-2,
        ),
      ),
    );
    test('a turned, scaled and shifted student costs 0', () =>
      tf.tidy(() => {
        const teacher = filled([5, 4], 1);
        const { value, gradients } = lossOf(
          rkd(pairs()),
          [tf.add(tf.mul(tf.reverse(teacher, 1), 2), 3)],
          [teacher],
        );
        expect(value).toBeCloseTo(0, 6);
        expectClose(gradients[0] as Float32Array, new Array(20).fill(0), 1e-4);
      }));
    test.each(forms)('with %o the order of the examples does not matter', (options) =>
      tf.tidy(() => {
        const [student, teacher] = [filled([5, 3], 1), filled([5, 6], 2)];
        const reversed = lossOf(
          rkd(pairs(), options),
          [tf.reverse(student, 0)],
          [tf.reverse(teacher, 0)],
        ).value;
        expectClose([reversed], [lossOf(rkd(pairs(), options), [student], [teacher]).value], 1e-5);
      }),
    );
    test('one product gives the same as many differences', () =>
      tf.tidy(() => {
        const rows = tf.concat([
          filled([4, 6], 1),
          tf.slice(filled([4, 6], 1), 2, 1),
        ]) as tf.Tensor2D;
        const results = [distancesByDifferences, distancesByProduct].map((by) => {
          const weigh = (x: tf.Tensor): tf.Tensor => tf.sum(tf.mul(x, filled(x.shape, 7)));
          const of = (x: tf.Tensor): tf.Scalar =>
            tf.add(weigh(by(x as tf.Tensor2D).squared), weigh(by(x as tf.Tensor2D).cosines()));
          const { squared, apart, cosines } = by(rows);
          return [squared, tf.cast(apart, 'float32'), cosines(), tf.grad(of)(rows)].map((x) =>
            x.dataSync(),
          );
        }) as [Float32Array[], Float32Array[]];
        for (const [at, values] of results[0].entries())
          expectClose(results[1][at] as Float32Array, values, 1e-5);
      }));
    test('both weights at 0 are 0, with a gradient', () =>
      tf.tidy(() =>
        expectFinite(
          rkd(pairs(), { distanceWeight: 0, angleWeight: 0 }),
          [filled([3, 3], 1)],
          [filled([3, 3], 2)],
          0,
        ),
      ));
    test('copies far from the origin are copies', () =>
      tf.tidy(() => {
        const [row, other] = [tf.fill([1, 64], 900.3), tf.fill([1, 64], 901.3)];
        const [copies, apart] = [
          tf.concat([row, row, other]),
          tf.concat([row, tf.add(row, 1e-1), other]),
        ];
        // Distances over their mean: the student's 0, 1.5 and 1.5, the teacher's 0.15, 1.5 and 1.35;
        // each counts twice among nine.
        expectClose(rkdBatchwise(copies, copies, { angleWeight: 0 }).dataSync(), [0], 0);
        expect(rkdBatchwise(copies, apart, { angleWeight: 0 }).dataSync()[0]).toBeCloseTo(
          (25 * 4 * 0.5 * 0.15 ** 2) / 9,
          3,
        );
      }));
    test.each(forms)(
      'with %o it is finite at zeros, constants, copies and 1e3, and 0 in a batch of one',
      (options) => {
        expectFiniteEverywhere(rkd(pairs(), options), [[3, 4]], [[3, 5]]);
        tf.tidy(() =>
          expectFinite(rkd(pairs(), options), [filled([1, 4], 1)], [filled([1, 3], 2)], 0),
        );
      },
    );
    test('it leaves no tensor but its result', () =>
      expectTidy(rkd(pairs()), [filled([3, 4], 1)], [filled([3, 5], 2)]));
    test('a negative weight is named', () => {
      expect(() => rkd(pairs(), { angleWeight: -1 })).toThrow(
        'rkd: expected angleWeight ≥ 0, got -1; 25 for distances and 50 for angles are usual.',
      );
    });
  });
});

describe('similarityPreserving', () => {
  onEveryEngine(() => {
    test('its gradient is that of finite differences, whatever shape the teacher has', () =>
      tf.tidy(() =>
        expectTrueGradient(
          similarityPreserving(pairs()),
          [filled([3, 2, 2, 2], 1)],
          [filled([3, 5], 2)],
        ),
      ));
    test('a turned and scaled student costs 0', () =>
      tf.tidy(() => {
        const teacher = filled([4, 6], 1);
        const { value, gradients } = lossOf(
          similarityPreserving(pairs()),
          [tf.mul(tf.reverse(teacher, 1), -2)],
          [teacher],
        );
        expect(value).toBeCloseTo(0, 6);
        expectClose(gradients[0] as Float32Array, new Array(24).fill(0), 1e-6);
      }));
    test('the order of the examples does not matter', () =>
      tf.tidy(() => {
        const [student, teacher] = [filled([4, 3], 1), filled([4, 7], 2)];
        const { value } = lossOf(
          similarityPreserving(pairs()),
          [tf.reverse(student, 0)],
          [tf.reverse(teacher, 0)],
        );
        expectClose(
          [value],
          [lossOf(similarityPreserving(pairs()), [student], [teacher]).value],
          1e-5,
        );
      }));
    test('it is finite at zeros, constants, copies and 1e3, and 0 in a batch of one', () => {
      expectFiniteEverywhere(similarityPreserving(pairs()), [[3, 4]], [[3, 5]]);
      tf.tidy(() =>
        expectFinite(similarityPreserving(pairs()), [filled([1, 4], 1)], [filled([1, 3], 2)], 0),
      );
    });
    test('it leaves no tensor but its result', () =>
      expectTidy(similarityPreserving(pairs()), [filled([3, 4], 1)], [filled([3, 5], 2)]));
    test('other batches are named', () =>
      tf.tidy(() => {
        expect(() =>
          similarityPreserving(pairs())(stepWith([filled([2, 3], 1)], [filled([3, 3], 1)])),
        ).toThrow(
          'similarityPreserving: expected features [batch, …] of the same batch, got [2, 3] and [3, 3].',
        );
      }));
  });
});

describe('correlationCongruence', () => {
  const forms = [{}, { kernel: {} }, { kernel: { gamma: 1, order: 5 } }];
  const kernel = correlationCongruence(pairs(), { kernel: {} });

  onEveryEngine(() => {
    test.each(forms)('with %o the gradient is that of finite differences', (options) =>
      tf.tidy(() =>
        expectTrueGradient(
          correlationCongruence(pairs(), options),
          [filled([3, 4], 1)],
          [filled([3, 2, 1, 2], 3)],
        ),
      ),
    );
    test.each(forms)(
      'with %o a student equal to its teacher costs 0 with the gradient 0',
      (options) =>
        tf.tidy(() => {
          const { value, gradients } = lossOf(
            correlationCongruence(pairs(), options),
            [filled([3, 4], 1)],
            [filled([3, 4], 1)],
          );
          expect(value).toBe(0);
          expectClose(gradients[0] as Float32Array, new Array(12).fill(0), 0);
        }),
    );
    test('neighbors in the batch are multiplied, no others', () =>
      tf.tidy(() => {
        const student = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
        expectClose(
          correlationCongruenceBatchwise(tf.neg(student), tf.zerosLike(student)).dataSync(),
          [(1 * 3 + 2 * 4 + 3 * 5 + 4 * 6) / 2],
          1e-6,
        );
      }));
    test('with a kernel only directions count, and not the order of the batch; widths may differ', () =>
      tf.tidy(() => {
        const [student, teacher] = [filled([4, 3], 1), filled([4, 5], 2)];
        const { value } = lossOf(kernel, [student], [teacher]);
        expectClose(
          [
            lossOf(kernel, [tf.reverse(tf.mul(student, 4), [0, 1])], [tf.reverse(teacher, 0)])
              .value,
          ],
          [value],
          1e-5,
        );
      }));
    test('a kernel of many powers is the exponential', () =>
      tf.tidy(() => {
        const [student, teacher] = [tf.eye(2), tf.ones([2, 2])];
        const loss = correlationCongruenceBatchwise(student, teacher, {
          kernel: { gamma: 0.7, order: 12 },
        });
        expectClose(loss.dataSync(), [(1 - Math.exp(-1.4)) ** 2 / 2], 1e-5);
      }));
    test.each(forms)(
      'with %o it is finite at zeros, constants, copies and 1e3, and 0 in a batch of one',
      (options) => {
        expectFiniteEverywhere(correlationCongruence(pairs(), options), [[3, 4]]);
        tf.tidy(() =>
          expectFinite(
            correlationCongruence(pairs(), options),
            [filled([1, 4], 1)],
            [filled([1, 4], 2)],
            0,
          ),
        );
      },
    );
    test('it leaves no tensor but its result', async () => {
      await expectTidy(kernel, [filled([3, 4], 1)], [filled([3, 5], 2)]);
      await expectTidy(correlationCongruence(pairs()), [filled([3, 4], 1)], [filled([3, 4], 2)]);
    });
    test('other widths and kernels that are none are named', () =>
      tf.tidy(() => {
        expect(() =>
          correlationCongruence(pairs())(stepWith([filled([2, 3], 1)], [filled([2, 4], 1)])),
        ).toThrow(
          'correlationCongruence: expected student and teacher features with the same number of channels, got [2, 3] and [2, 4]; with kernel: {} widths may differ.',
        );
        expect(() => correlationCongruence(pairs(), { kernel: { gamma: 0 } })).toThrow(
          'correlationCongruence: expected gamma > 0, got 0; 0.4 is usual.',
        );
        expect(() => correlationCongruence(pairs(), { kernel: { order: 0.5 } })).toThrow(
          'an order that is a whole number ≥ 1, got 0.5; 2 is usual.',
        );
      }));
  });
});

describe('pkt', () => {
  const [two, term] = [pkt(pairs(2)), pkt(pairs())];

  onEveryEngine(() => {
    test('its gradient is that of finite differences', () =>
      tf.tidy(() => expectTrueGradient(term, [filled([4, 3], 1)], [filled([4, 2, 1, 2], 2)])));
    test('a turned and scaled student costs 0 with the gradient 0, precisely', () =>
      tf.tidy(() => {
        const teacher = filled([6, 4], 1);
        const { value, gradients } = lossOf(term, [tf.mul(tf.reverse(teacher, 1), 2)], [teacher]);
        expect(Math.abs(value)).toBeLessThan(1e-8);
        expectClose(gradients[0] as Float32Array, new Array(24).fill(0), 1e-6);
      }));
    test('the order of the examples does not matter, and pairs add up', () =>
      tf.tidy(() => {
        const [student, teacher] = [filled([4, 3], 1), filled([4, 7], 2)];
        const { value } = lossOf(term, [student], [teacher]);
        expectClose(
          [lossOf(term, [tf.reverse(student, 0)], [tf.reverse(teacher, 0)]).value],
          [value],
          1e-5,
        );
        expectClose([lossOf(two, [student, student], [teacher, teacher]).value], [2 * value], 1e-5);
      }));
    test.each([0.1, 0.01])(
      'rows within %d of each other, or of their opposites, are as exact as cosines in float32 can be',
      (distance) =>
        tf.tidy(() => {
          for (const sign of [1, -1]) {
            const row = filled([1, 6], 3);
            const student = tf.add(
              tf.concat([row, row, tf.mul(row, sign), tf.mul(row, sign)]),
              tf.mul(filled([4, 6], 1), distance),
            );
            const teacher = filled([4, 5], 2);
            const [rows, wanted] = [student, teacher].map(
              (feature) => feature.arraySync() as number[][],
            ) as [number[][], number[][]];
            const { value, gradients } = lossOf(term, [student], [teacher]);
            expectClose([value], [inDoubles(rows, wanted)], 5e-7 / distance ** 2);
            const slopes = rows.flatMap((row, at) =>
              row.map((_, column) => slope(rows, wanted, at, column)),
            );
            expectClose(gradients[0] as Float32Array, slopes, 5e-6 / distance ** 2);
          }
        }),
    );
    test('opposite rows, whose probability to be neighbors is 0, are finite', () =>
      tf.tidy(() => {
        const row = filled([1, 4], 1);
        const opposite = tf.concat([row, tf.neg(row), tf.mul(row, 2)]);
        expectFinite(term, [opposite], [filled([3, 4], 2)]);
        expectFinite(term, [filled([3, 4], 2)], [opposite]);
      }));
    test('it is finite at zeros, constants, copies and 1e3, and 0 in a batch of one', () => {
      expectFiniteEverywhere(term, [[3, 4]], [[3, 5]]);
      tf.tidy(() => expectFinite(term, [filled([1, 4], 1)], [filled([1, 3], 2)], 0));
    });
    test('it leaves no tensor but its result', () =>
      expectTidy(term, [filled([3, 4], 1)], [filled([3, 5], 2)]));
    test('an epsilon of 0 is named', () => {
      expect(() => pkt(pairs(), { epsilon: 0 })).toThrow(
        'pkt: expected epsilon > 0, got 0; 1e-7 is usual.',
      );
    });
  });

  const epsilon = 1e-7;

  /** The same loss in double precision, as RepDistiller writes it. */
  function inDoubles(student: number[][], teacher: number[][]): number {
    const model = neighbours(student);
    const terms = neighbours(teacher).map(
      (target, at) => target * Math.log((target + epsilon) / ((model[at] as number) + epsilon)),
    );
    return terms.reduce((sum, term) => sum + term, 0) / terms.length;
  }

  function neighbours(rows: number[][]): number[] {
    const dot = (a: number[], b: number[]) =>
      a.reduce((sum, x, at) => sum + x * (b[at] as number), 0);
    const directions = rows.map((row) => row.map((x) => x / (Math.sqrt(dot(row, row)) + epsilon)));
    return directions.flatMap((row) => {
      const near = directions.map((other) => (1 + dot(row, other)) / 2);
      return near.map((x) => x / near.reduce((sum, other) => sum + other, 0));
    });
  }

  function slope(student: number[][], teacher: number[][], row: number, column: number): number {
    const moved = (by: number) =>
      student.map((values, at) =>
        values.map((x, place) => (at === row && place === column ? x + by : x)),
      );
    return (inDoubles(moved(1e-5), teacher) - inDoubles(moved(-1e-5), teacher)) / 2e-5;
  }
});

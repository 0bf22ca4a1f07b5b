import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { pkt } from '../../src/index.ts';
import {
  expectFinite,
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
} from './features.ts';

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
  test('opposite rows, which have no probability to be neighbours, are finite', () =>
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

/**
 * What must hold of methods on relations, over drawn features: fast-check shrinks what breaks it.
 */
import type { LossTerm } from '@kd/core';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as losses from '../../src/index.ts';
import { lossOf, pairs } from './features.ts';

const [BATCH, CHANNELS] = [4, 3];
const runs = { numRuns: 10, seed: 5 };

/** Maps [4, 2, 1, 3] of numbers a network may give, zeros, equal ones and large ones among them. */
const maps = fc
  .array(fc.oneof(fc.constantFrom(0, 1, -1, 1e3), fc.double({ min: -5, max: 5, noNaN: true })), {
    minLength: 24,
    maxLength: 24,
  })
  .map((values) => values.map((value) => Math.fround(value)));
/** The same without the odd ones, for equalities that rounding would break. */
const plain = fc
  .array(fc.integer({ min: -40, max: 40 }), { minLength: 24, maxLength: 24 })
  .map((values) => values.map((value, at) => value / 16 + 0.01 * at));
const order = (length: number) =>
  fc.shuffledSubarray(
    Array.from({ length }, (_, at) => at),
    { minLength: length },
  );

const ofExamples: Readonly<Record<string, LossTerm>> = {
  attentionTransfer: losses.attentionTransfer(pairs()),
  cwd: losses.cwd(pairs()),
  'correlationCongruence, kernel': losses.correlationCongruence(pairs(), { kernel: {} }),
  ickd: losses.ickd(pairs()),
  nst: losses.nst(pairs()),
  pkd: losses.pkd(pairs()),
  pkt: losses.pkt(pairs()),
  rkd: losses.rkd(pairs()),
  similarityPreserving: losses.similarityPreserving(pairs()),
};

/** Those for which one network's channels have no order of their own. */
const free = [
  'attentionTransfer',
  'correlationCongruence, kernel',
  'nst',
  'pkt',
  'rkd',
  'similarityPreserving',
];

function lossValue(term: LossTerm, student: tf.Tensor, teacher: tf.Tensor): number {
  return lossOf(term, [student], [teacher]).value;
}

function tensor(values: readonly number[]): tf.Tensor4D {
  return tf.tensor4d([...values], [BATCH, 2, 1, CHANNELS]);
}

onEveryEngine(() => {
  test.each(Object.entries(ofExamples))(
    '%s: the order of the examples does not matter',
    (_, term) =>
      fc.assert(
        fc.property(plain, plain, order(BATCH), (student, teacher, shuffled) =>
          tf.tidy(() => {
            const [s, t, to] = [tensor(student), tensor(teacher), tf.tensor1d(shuffled, 'int32')];
            const before = lossValue(term, s, t);
            expect(
              Math.abs(lossValue(term, tf.gather(s, to), tf.gather(t, to)) - before),
            ).toBeLessThanOrEqual(2e-5 + 2e-4 * before);
          }),
        ),
        runs,
      ),
  );
  test.each(free)('%s: the order of the teacher’s channels does not matter', (name) =>
    fc.assert(
      fc.property(plain, plain, order(CHANNELS), (student, teacher, shuffled) =>
        tf.tidy(() => {
          const [term, s, t] = [ofExamples[name] as LossTerm, tensor(student), tensor(teacher)];
          const before = lossValue(term, s, t);
          const after = lossValue(term, s, tf.gather(t, tf.tensor1d(shuffled, 'int32'), 3));
          expect(Math.abs(after - before)).toBeLessThanOrEqual(2e-5 + 2e-4 * before);
        }),
      ),
      runs,
    ),
  );
  test.each(Object.entries(ofExamples))(
    '%s: value ≥ 0 and gradient are finite, and both 0 of a student equal to its teacher',
    (_, term) =>
      fc.assert(
        fc.property(maps, maps, (student, teacher) =>
          tf.tidy(() => {
            const { value, gradients } = lossOf(term, [tensor(student)], [tensor(teacher)]);
            expect(value).toBeGreaterThanOrEqual(-1e-5);
            expect([value, ...(gradients[0] ?? [])]).toSatisfy((numbers: number[]) =>
              numbers.every(Number.isFinite),
            );
            expect(lossValue(term, tensor(teacher), tensor(teacher))).toBeCloseTo(0, 5);
          }),
        ),
        runs,
      ),
  );
});

/** Images without a label, soft targets of mixed images, and class weights. */
import { readFileSync } from 'node:fs';
import type { LossInputs, LossTerm } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  balancedClassWeights,
  type CrossEntropyOptions,
  combine,
  crossEntropy,
  crossEntropyPerExample,
  csKd,
  dkd,
  logitStandardization,
  nkd,
  otherClassNegatives,
  previousEpochTargets,
  psKd,
  softTargets,
  tutorialLoss,
  uniformNegatives,
  virtualTeacher,
  weighted,
  wsld,
} from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import { expectNumericalGradient } from '../gradients.ts';

interface Entry {
  readonly options: CrossEntropyOptions;
  readonly value: number;
  readonly gradient: readonly number[];
}
/** `fixtures/labels.py`: PyTorch's cross entropy in float64. */
const golden = JSON.parse(
  readFileSync(new URL('../fixtures/labels.json', import.meta.url), 'utf8'),
) as {
  readonly logits: number[][];
  readonly labels: number[];
  readonly targets: number[][];
  readonly withLabels: readonly Entry[];
  readonly withTargets: readonly Entry[];
};

/** A step of golden logits; call it in a tidy. */
function goldenStep(student: tf.Tensor2D, more: Partial<LossInputs> = {}): LossInputs {
  return { ...stepOf(student, undefined, tf.tensor1d(golden.labels, 'int32')), ...more };
}

function expectEntry({ value, gradient }: Entry, loss: (x: tf.Tensor2D) => tf.Scalar): void {
  const found = tf.valueAndGrad(loss as (x: tf.Tensor) => tf.Tensor)(tf.tensor2d(golden.logits));
  expectClose(found.value.dataSync(), [value], 1e-5);
  expectClose(found.grad.dataSync(), Float32Array.from(gradient), 1e-5);
}

onEveryEngine(() => {
  describe('crossEntropy', () => {
    test.each(golden.withLabels)(
      'with images without a label it is PyTorch’s with ignore_index: $options',
      (entry) =>
        tf.tidy(() => expectEntry(entry, (x) => crossEntropy(entry.options)(goldenStep(x)))),
    );
    test.each(golden.withTargets)('with soft targets it is PyTorch’s: $options', (entry) =>
      tf.tidy(() => {
        const targets = tf.tensor2d(golden.targets);
        expectEntry(entry, (x) => crossEntropy(entry.options)(goldenStep(x, { targets })));
      }),
    );
    test('one-hot targets cost what labels cost, also with smoothing over the other classes', () =>
      tf.tidy(() => {
        const student = tf.tensor2d(golden.logits);
        const labels = tf.tensor1d(golden.labels, 'int32');
        const targets = tf.cast(tf.oneHot(labels, 5), 'float32') as tf.Tensor2D;
        const options = { smoothing: 0.2, spread: 'other classes' } as const;
        expectClose(
          crossEntropyPerExample(student, targets, options).dataSync(),
          crossEntropyPerExample(student, labels, options).dataSync(),
          1e-6,
        );
      }));
    test('the gradient is that of finite differences', () =>
      tf.tidy(() => {
        const options = { smoothing: 0.1, classWeights: [0.5, 1, 2, 0, 1] };
        for (const targets of [undefined, tf.tensor2d(golden.targets)]) {
          const loss = (x: tf.Tensor) =>
            crossEntropy(options)(goldenStep(x as tf.Tensor2D, targets && { targets }));
          const student = tf.tensor2d(golden.logits);
          expectNumericalGradient(loss, student, tf.grad(loss)(student).dataSync(), 1e-3);
        }
      }));
    test('a batch without any label costs 0 and moves nothing', () =>
      tf.tidy(() => {
        const none = tf.tensor1d(new Array(6).fill(-1), 'int32');
        const terms = [
          { options: { smoothing: 0.1 }, targets: undefined },
          { options: { classWeights: [1, 2, 3, 4, 5] }, targets: undefined },
          { options: { smoothing: 0.1 }, targets: tf.zeros<tf.Rank.R2>([6, 5]) },
        ];
        for (const { options, targets } of terms) {
          const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
            crossEntropy(options)({
              ...stepOf(x as tf.Tensor2D, undefined, none),
              ...(targets && { targets }),
            }),
          )(tf.tensor2d(golden.logits));
          expect([...value.dataSync(), ...grad.dataSync()].map(Math.abs)).toEqual(
            new Array(31).fill(0),
          );
        }
      }));
    test('where every image has a label it is the plain mean, to the last bit', () =>
      tf.tidy(() => {
        const student = tf.tensor2d(golden.logits);
        const labels = tf.tensor1d([0, 3, 1, 2, 2, 4], 'int32');
        const plain = (x: tf.Tensor) =>
          tf.neg(
            tf.mean(tf.sum(tf.mul(tf.cast(tf.oneHot(labels, 5), 'float32'), tf.logSoftmax(x)), 1)),
          ) as tf.Scalar;
        const term = (x: tf.Tensor) => crossEntropy()(stepOf(x as tf.Tensor2D, undefined, labels));
        const [one, other] = [tf.valueAndGrad(term)(student), tf.valueAndGrad(plain)(student)];
        expect(one.value.dataSync()).toEqual(other.value.dataSync());
        expect(one.grad.dataSync()).toEqual(other.grad.dataSync());
      }));
    test('shards give the mean over the whole batch', () =>
      tf.tidy(() => {
        const logits = tf.tensor2d(golden.logits);
        const labels = tf.tensor1d(golden.labels, 'int32');
        // The shards of two processes: four images, three of them labelled, and two with one.
        const shards = [0, 4].map((from) => ({
          images: from === 0 ? 4 : 2,
          student: tf.slice(logits, [from, 0], [from === 0 ? 4 : 2, 5]),
          labels: tf.slice(labels, [from], [from === 0 ? 4 : 2]),
        }));
        for (const options of [{ smoothing: 0.1 }, { classWeights: [0.5, 1, 2, 3, 1] }]) {
          const term = crossEntropy(options);
          const whole = term(stepOf(logits, undefined, labels));
          const own: number[][] = [];
          for (const { student, labels } of shards)
            term({
              ...stepOf(student, undefined, labels),
              sumOverShards: (x) => {
                own.push([...x.dataSync()]);
                return x;
              },
            });
          const sums = tf.sum(tf.tensor2d(own), 0) as tf.Tensor1D;
          const total = shards.map(({ images, student, labels }) =>
            tf.mul(
              term({ ...stepOf(student, undefined, labels), sumOverShards: () => sums }),
              images / 6,
            ),
          );
          expectClose(tf.addN(total).dataSync(), whole.dataSync(), 1e-6);
        }
      }));
    test('leaves no tensor but its result', async () => {
      const student = tf.tensor2d(golden.logits);
      const step = goldenStep(student);
      const targets = tf.tensor2d(golden.targets);
      const term = crossEntropy({ smoothing: 0.1, classWeights: [1, 2, 3, 4, 5] });
      await expectNoNewTensors(() => {
        term(step).dispose();
        term({ ...step, targets }).dispose();
      });
      tf.dispose([student, step.labels, targets]);
    });
    test('wrong weights and targets are named', () =>
      tf.tidy(() => {
        const [student, labels] = [tf.zeros<tf.Rank.R2>([2, 3]), tf.tensor1d([0, 1], 'int32')];
        const one = (classWeights: number[]) => () =>
          crossEntropyPerExample(student, labels, { classWeights });
        expect(one([1, 2])).toThrow(
          new RangeError('crossEntropy: expected a class weight for each of the 3 classes, got 2.'),
        );
        const remedy = 'balancedClassWeights(counts) makes them.';
        expect(one([0, 0, 0])).toThrow(
          `crossEntropy: expected class weights ≥ 0, not all 0, got [0, 0, 0]; ${remedy}`,
        );
        expect(() => crossEntropy({ classWeights: [1, -1] })).toThrow(
          `crossEntropy: expected class weights ≥ 0, not all 0, got [1, -1]; ${remedy}`,
        );
        expect(() => crossEntropyPerExample(student, tf.zeros<tf.Rank.R2>([2, 4]))).toThrow(
          'crossEntropy: expected targets [batch, classes] of shape [2, 3], got [2, 4].',
        );
      }));
  });
});

describe('balancedClassWeights', () => {
  test('are scikit-learn’s', () =>
    expectClose(
      balancedClassWeights([380, 20, 0, 7]),
      [0.3570175438596491, 6.783333333333333, 0, 19.38095238095238],
      1e-12,
    ));
  test.each([[[]], [[0, 0]], [[1.5, 2]], [[-1, 2]]])('refuses the counts %j', (counts) => {
    expect(() => balancedClassWeights(counts)).toThrow(
      new RangeError(
        `balancedClassWeights: expected whole numbers of images ≥ 0, not all 0, got [${counts.join(', ')}].`,
      ),
    );
  });
});

describe('needsLabels', () => {
  const history = { datasetSize: 2, classes: 2 };
  const terms: Readonly<Record<string, LossTerm>> = {
    csKd: csKd(),
    dkd: dkd(),
    nkd: nkd(),
    psKd: psKd(),
    tutorialLoss: tutorialLoss(),
    virtualTeacher: virtualTeacher(),
    wsld: wsld(),
    weighted: weighted(2, dkd()),
    standardized: logitStandardization(nkd()),
    previous: previousEpochTargets(softTargets(), history),
  };
  test('terms that read the label of every image declare it, in any wrapping', () => {
    for (const [name, term] of Object.entries(terms))
      expect([name, term.needsLabels]).toEqual([name, true]);
    expect(combine({ ...terms, hard: crossEntropy(), soft: softTargets() }).needsLabels).toEqual(
      Object.keys(terms),
    );
    tf.dispose(Object.values(terms).flatMap(({ weights }) => Object.values(weights ?? {})));
  });
  test('cross entropy and soft targets do not', () => {
    expect(
      combine({ hard: weighted(0.1, crossEntropy()), soft: softTargets() }).needsLabels,
    ).toEqual([]);
  });
  test('of the negatives of CRD those of other classes do', () => {
    expect(otherClassNegatives([0, 1]).needsLabels).toBe(true);
    expect(uniformNegatives(2).needsLabels).toBeUndefined();
  });
});

import { compile, type LossInputs, type Outputs } from '@kd/core';
import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, test } from 'vitest';
import {
  combine,
  contrastLossPerExample,
  crd,
  otherClassNegatives,
  uniformNegatives,
  weighted,
} from '../../src/index.ts';

const DATASET_SIZE = 12;
const feature = (channels: number) => ({ name: 'rows', channels, stride: 0 });
const options = {
  student: feature(3),
  teacher: feature(2),
  datasetSize: DATASET_SIZE,
  negatives: 5,
  embedding: 4,
  temperature: 0.5,
  seed: 3,
};

const outputs = (rows: tf.Tensor): Outputs => ({
  logits: tf.zeros([rows.shape[0] as number, 2]),
  features: { rows },
});
const students = () => tf.tensor2d([0.4, -0.2, 0.9, 1.1, 0.3, -0.5], [2, 3]);
const stepOf = (
  student: tf.Tensor,
  teacher: tf.Tensor = tf.tensor2d([0.5, 0.1, -0.7, 0.9], [2, 2]),
  rows = [7, 2],
): LossInputs => ({
  student: outputs(student),
  teacher: outputs(teacher),
  labels: tf.tensor1d(rows, 'int32'),
  indices: tf.tensor1d(rows, 'int32'),
  seed: tf.tensor1d([11, 12], 'int32'),
  scheduledValues: {},
});
const numbersOf = (
  { weights = {} }: { readonly weights?: Readonly<Record<string, tf.Variable>> },
  name: string,
) => Array.from(weights[name]?.dataSync() ?? []);

onEveryEngine(() => {
  const made: tf.Variable[] = [];
  afterEach(() => tf.dispose(made.splice(0)));
  const makeCrd = (more: Partial<typeof options> = {}) => {
    const term = crd({ ...options, ...more });
    made.push(...Object.values(term.weights ?? {}));
    return term;
  };

  describe('contrastLossPerExample', () => {
    test('is RepDistiller’s loss of one positive and its negatives', () =>
      tf.tidy(() => {
        const scores = [0.5, 0.2, 0.9];
        const noise = 2 / 20;
        const [positive, ...others] = scores as [number, number, number];
        const expected =
          -Math.log(positive / (positive + noise + 1e-7)) -
          others.reduce((sum, p) => sum + Math.log(noise / (p + noise + 1e-7)), 0);
        expectClose(
          contrastLossPerExample(tf.log(tf.tensor2d([scores])), { datasetSize: 20 }).dataSync(),
          [expected],
          1e-5,
        );
      }));
    test('its gradient is that of finite differences', () =>
      tf.tidy(() => {
        const x = tf.tensor2d([0.3, -1, 0.6, -2, 0.8, 0], [2, 3]);
        const loss = (scores: tf.Tensor) =>
          tf.mean(contrastLossPerExample(scores as tf.Tensor2D, { datasetSize: 7 })) as tf.Scalar;
        expectClose(tf.grad(loss)(x).dataSync(), numericalGradient(loss, x), 1e-3);
      }));
    test('thousands of improbable negatives add up to what they are', () =>
      tf.tidy(() => {
        const [negatives, datasetSize, score] = [16_384, 50_000, 2e-5];
        const noise = negatives / datasetSize;
        const scores = tf.log(
          tf.concat2d([tf.ones([1, 1]), tf.fill([1, negatives], score)], 1),
        ) as tf.Tensor2D;
        const expected =
          Math.log1p(noise + 1e-7) + negatives * (Math.log(noise + 1e-7 + score) - Math.log(noise));
        // wasm adds one after the other, and loses 2e-5 of the sum.
        expectClose(contrastLossPerExample(scores, { datasetSize }).dataSync(), [expected], 5e-5);
      }));
    test('it is finite, with its gradient, at |log P| = 1e3', () =>
      tf.tidy(() => {
        const loss = (x: tf.Tensor) =>
          tf.mean(contrastLossPerExample(x as tf.Tensor2D, { datasetSize: 3 })) as tf.Scalar;
        const { value, grad } = tf.valueAndGrad(loss)(
          tf.tensor2d([1e3, -1e3, 1e3, -1e3, 1e3, -1e3], [2, 3]),
        );
        expect([...value.dataSync(), ...grad.dataSync()].every(Number.isFinite)).toBe(true);
      }));
  });

  test('rows of the batch move in both memories to unit length, and no others', () => {
    const term = makeCrd();
    const before = [numbersOf(term, 'student.memory'), numbersOf(term, 'teacher.memory')];
    tf.tidy(() => term(stepOf(students())).dataSync());
    for (const [at, name] of ['student.memory', 'teacher.memory'].entries()) {
      const after = numbersOf(term, name);
      for (let row = 0; row < DATASET_SIZE; row++) {
        const [now, then] = [after, before[at] as number[]].map((all) =>
          all.slice(4 * row, 4 * row + 4),
        ) as [number[], number[]];
        if (row === 7 || row === 2) expect(Math.hypot(...now)).toBeCloseTo(1, 5);
        else expect(now).toEqual(then);
      }
    }
  });
  test('momentum is the share of the old row', () => {
    const term = makeCrd({ momentum: 0.75 } as Partial<typeof options>);
    const kernel = numbersOf(term, 'student.0.kernel');
    const bias = numbersOf(term, 'student.0.bias');
    const old = numbersOf(term, 'student.memory').slice(28, 32);
    tf.tidy(() => term(stepOf(students())));
    const embedding = bias.map((b, out) =>
      [0.4, -0.2, 0.9].reduce((sum, x, at) => sum + x * (kernel[4 * at + out] as number), b),
    );
    const mixed = old.map(
      (value, at) => 0.75 * value + (0.25 * (embedding[at] as number)) / Math.hypot(...embedding),
    );
    expectClose(
      numbersOf(term, 'student.memory').slice(28, 32),
      mixed.map((value) => value / Math.hypot(...mixed)),
      1e-5,
    );
  });
  test('Z is the mean of the first scores times the dataset size, and is kept', () => {
    const term = makeCrd({ temperature: 1e6 });
    tf.tidy(() => term(stepOf(students())));
    expectClose(numbersOf(term, 'student.logZ'), [Math.log(DATASET_SIZE), 1], 1e-5);
    const known = makeCrd();
    tf.tidy(() => known(stepOf(students())));
    const first = numbersOf(known, 'student.logZ');
    tf.tidy(() => known(stepOf(tf.neg(students()))));
    expect(numbersOf(known, 'student.logZ')).toEqual(first);
  });
  test('its gradient is that of finite differences, where Z and memories are as they were', () =>
    tf.tidy(() => {
      const ready = makeCrd();
      ready(stepOf(students()));
      const held = Object.values(ready.weights ?? {}).map((weight) => ({
        weight,
        value: tf.add(weight, 0),
      }));
      const loss = (x: tf.Tensor) => {
        for (const { weight, value } of held) weight.assign(tf.add(value, 0));
        return ready(stepOf(x));
      };
      expectClose(tf.grad(loss)(students()).dataSync(), numericalGradient(loss, students()), 3e-3);
    }));
  test('the embeddings train, the memories do not, and the teacher gets no gradient', () => {
    const term = makeCrd();
    const trainable = Object.entries(term.weights ?? {}).filter(([, { trainable }]) => trainable);
    expect(trainable.map(([name]) => name)).toEqual([
      'student.0.kernel',
      'student.0.bias',
      'teacher.0.kernel',
      'teacher.0.bias',
    ]);
    tf.tidy(() => {
      const { grads } = tf.variableGrads(
        () => term(stepOf(students())),
        trainable.map(([, weight]) => weight),
      );
      for (const gradient of Object.values(grads))
        expect(Math.max(...gradient.dataSync().map(Math.abs))).toBeGreaterThan(0);
      const toTeacher = tf.grad((x: tf.Tensor) => term(stepOf(students(), x)))(
        tf.tensor2d([0.5, 0.1, -0.7, 0.9], [2, 2]),
      );
      expectClose(toTeacher.dataSync(), [0, 0, 0, 0], 1e-9);
    });
  });
  test('zero, huge and doubled features and a batch of one have finite losses and gradients', () =>
    tf.tidy(() => {
      const teacher = tf.zeros([2, 2]);
      for (const rows of [
        tf.zeros([2, 3]),
        tf.mul(students(), 1e3),
        tf.tile(tf.slice(students(), 0, 1), [2, 1]),
      ]) {
        const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
          makeCrd({ temperature: 0.07 })(stepOf(x, teacher)),
        )(rows);
        expect([...value.dataSync(), ...grad.dataSync()].every(Number.isFinite)).toBe(true);
      }
      const one = makeCrd()(stepOf(tf.slice(students(), 0, 1), tf.zeros([1, 2]), [4]));
      expect(one.dataSync()[0]).toBeGreaterThan(0);
    }));
  test('three compiled steps are three plain ones', () => {
    const run = (
      through: <F extends (student: tf.Tensor, rows: tf.Tensor1D, seed: tf.Tensor1D) => tf.Scalar>(
        f: F,
      ) => F,
    ) => {
      const term = makeCrd();
      const step = through(((student: tf.Tensor, rows: tf.Tensor1D, seed: tf.Tensor1D) =>
        tf.tidy(() => term({ ...stepOf(student), indices: rows, seed }))) as never) as (
        ...all: tf.Tensor[]
      ) => tf.Scalar;
      const losses = [0, 1, 2].map((at) =>
        tf.tidy(
          () =>
            step(
              tf.add(students(), at),
              tf.tensor1d([at, 5], 'int32'),
              tf.tensor1d([at, 1], 'int32'),
            ).dataSync()[0],
        ),
      );
      return [losses, numbersOf(term, 'student.memory'), numbersOf(term, 'teacher.logZ')] as [
        number[],
        number[],
        number[],
      ];
    };
    const [plain, compiled] = [run((f) => f), run((f) => compile(f as never) as never)];
    for (const [at, expected] of plain.entries())
      expectClose(compiled[at] as number[], expected, 1e-5);
  });
  test('weighted and combined it keeps its weights and asks for rows', () => {
    const term = makeCrd();
    const objective = combine({ contrast: weighted(0.8, term) });
    expect([objective.needsTeacher, objective.needsIndices]).toEqual([true, true]);
    expect(Object.keys(objective.weights)).toContain('contrast.student.memory');
  });
  test('it leaves no tensor but its result', async () => {
    const step = stepOf(students());
    const term = makeCrd();
    await expectNoNewTensors(() => term(step).dispose());
  });

  test('negatives of other classes are of other classes, all of them, and never a row that training does not see', () =>
    tf.tidy(() => {
      const classes = [0, 1, 2, -1, 1, 0, 2, 2];
      const labels = tf.tensor1d([0, 1, 2], 'int32');
      const drawn = otherClassNegatives(classes)({
        labels,
        count: 300,
        seed: tf.tensor1d([5, 6], 'int32'),
      });
      const rows = Array.from(drawn.dataSync());
      for (const [label, expected] of [
        [1, 2, 4, 6, 7],
        [0, 2, 5, 6, 7],
        [0, 1, 4, 5],
      ].entries()) {
        expect([...new Set(rows.slice(300 * label, 300 * label + 300))].sort()).toEqual(expected);
      }
      expect([drawn.dtype, drawn.shape]).toEqual(['int32', [3, 300]]);
    }));
  test('uniform negatives are drawn from all images, others for each seed', () =>
    tf.tidy(() => {
      const draw = (seed: number) =>
        Array.from(
          uniformNegatives(4)({
            labels: tf.zeros([2], 'int32'),
            count: 60,
            seed: tf.tensor1d([seed, 1], 'int32'),
          }).dataSync(),
        );
      expect([...new Set(draw(1))].sort()).toEqual([0, 1, 2, 3]);
      expect(draw(1)).toEqual(draw(1));
      expect(draw(1)).not.toEqual(draw(2));
    }));
  test('missing rows and bad options are named', () =>
    tf.tidy(() => {
      const { indices: _, ...without } = stepOf(students());
      expect(() => makeCrd()(without)).toThrow(
        'crd: expected step.indices and step.seed, got no indices; the trainer passes both; combine and weighted declare the need.',
      );
      expect(() => crd({ ...options, temperature: 0 })).toThrow(
        new RangeError('crd: expected temperature > 0, got 0; 0.07 is usual.'),
      );
      expect(() => crd({ ...options, momentum: 1 })).toThrow(
        new RangeError('crd: expected momentum in [0, 1), got 1; 0.5 is usual.'),
      );
      expect(() => crd({ ...options, negatives: 0 })).toThrow(
        'crd: expected a whole number of negatives ≥ 1, got 0; 16384 is usual.',
      );
      expect(() => otherClassNegatives([1, 1, -1])).toThrow(
        'otherClassNegatives: expected images of two classes or more',
      );
      expect(() => contrastLossPerExample(tf.zeros([2, 1]), { datasetSize: 3 })).toThrow(
        'contrastLoss: expected a positive and at least one negative',
      );
    }));
});

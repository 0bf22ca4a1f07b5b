import type { LossInputs, LossTerm } from '@kd/core';
import { expectClose, expectNoNewTensors } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import { stepOf } from '../golden.ts';
import { expectNumericalGradient } from '../gradients.ts';

const student = [
  [0.3, -0.2, 0.1, 0.7],
  [1.1, -0.4, 0.2, 0.9],
  [-0.6, 0.5, 0.4, -1.2],
];
const teacher = [
  [1.3, 0.2, -0.8, -0.7],
  [2.1, 0.4, -0.3, 1.4],
  [-0.9, 0.1, 1.6, 0.8],
];

/** Student, teacher and labels [0, 3, 2] of three examples and four classes. Call it in a tidy. */
export function small(): { student: tf.Tensor2D; teacher: tf.Tensor2D; labels: tf.Tensor1D } {
  return {
    student: tf.tensor2d(student),
    teacher: tf.tensor2d(teacher),
    labels: tf.tensor1d([0, 3, 2], 'int32'),
  };
}

/**
 * Throws unless the gradient to the student is that of finite differences, and that to the teacher
 * is 0.
 */
export function expectRightGradient(
  term: LossTerm,
  numbers: LossInputs['scheduledValues'] = {},
): void {
  tf.tidy(() => {
    const { student, teacher, labels } = small();
    const loss = (x: tf.Tensor) => term(stepOf(x as tf.Tensor2D, teacher, labels, numbers));
    expectNumericalGradient(loss, student, tf.grad(loss)(student).dataSync(), 1e-3);
    const ofTeacher = tf
      .grad((x: tf.Tensor) => term(stepOf(student, x as tf.Tensor2D, labels, numbers)))(teacher)
      .dataSync();
    expect(Math.max(...ofTeacher.map(Math.abs))).toBe(0);
  });
}

const hard: Readonly<Record<string, [number[][], number[][]]>> = {
  'of 1e3': [
    [
      [1e3, -1e3, -1e3, 1e3],
      [-1e3, 1e3, -1e3, -1e3],
      [-1e3, -1e3, -1e3, 1e3],
    ],
    [
      [-1e3, 1e3, -1e3, -1e3],
      [1e3, -1e3, 1e3, -1e3],
      [1e3, -1e3, -1e3, -1e3],
    ],
  ],
  'of one example': [student.slice(0, 1), teacher.slice(0, 1)],
  'of one example, certain': [[[1e3, 0, 0, 0]], [[0, 0, 0, 1e3]]],
  'in equal rows': [
    Array.from({ length: 3 }, () => student[0] as number[]),
    Array.from({ length: 3 }, () => teacher[0] as number[]),
  ],
  'in constant rows': [student.map((row) => row.map(() => 0.7)), teacher],
  'of a constant teacher': [student, teacher.map((row) => row.map(() => -2))],
  'of zeros': [student.map((row) => row.map(() => 0)), teacher.map((row) => row.map(() => 0))],
};

/**
 * Throws unless value and gradient are finite for logits of 1e3, one example, equal rows, constant
 * rows and zeros.
 */
export function expectFinite(term: LossTerm, numbers: LossInputs['scheduledValues'] = {}): void {
  for (const [name, [student, teacher]] of Object.entries(hard)) {
    tf.tidy(() => {
      const labels = tf.tensor1d([0, 3, 2].slice(0, student.length), 'int32');
      const loss = (x: tf.Tensor) =>
        term(stepOf(x as tf.Tensor2D, tf.tensor2d(teacher), labels, numbers));
      const { value, grad } = tf.valueAndGrad(loss)(tf.tensor2d(student));
      const unfit = [...value.dataSync(), ...grad.dataSync()].filter(
        (number) => !Number.isFinite(number),
      );
      if (unfit.length > 0)
        throw new Error(
          `logits ${name}: expected a finite value and gradient, got ${unfit.join(', ')}.`,
        );
    });
  }
}

/**
 * Throws unless the term has this value, and the gradient 0 throughout, where the student says what
 * the teacher says.
 */
export function expectRestAtTeacher(term: LossTerm, value = 0): void {
  tf.tidy(() => {
    const { teacher, labels } = small();
    const found = tf.valueAndGrad((x: tf.Tensor) =>
      term(stepOf(x as tf.Tensor2D, teacher, labels)),
    )(teacher);
    expectClose([(found.value.dataSync()[0] as number) - value], [0], 2e-6);
    expectClose(found.grad.dataSync(), new Array(12).fill(0), 2e-6);
  });
}

/** Throws unless the same comes out with student and teacher changed in these ways. */
export function expectUnchanged(
  term: LossTerm,
  change: (logits: tf.Tensor2D) => tf.Tensor2D,
  relabel: (labels: tf.Tensor1D) => tf.Tensor1D = (labels) => labels,
): void {
  tf.tidy(() => {
    const { student, teacher, labels } = small();
    const plain = term(stepOf(student, teacher, labels)).dataSync();
    expectClose(
      term(stepOf(change(student), change(teacher), relabel(labels))).dataSync(),
      plain,
      1e-5,
    );
  });
}

/** Throws where the term leaves more tensors behind than its value. */
export async function expectTidy(
  term: LossTerm,
  numbers: LossInputs['scheduledValues'] = {},
): Promise<void> {
  const { student, teacher, labels } = small();
  const step = stepOf(student, teacher, labels, numbers);
  await expectNoNewTensors(() => term(step).dispose());
  tf.dispose([student, teacher, labels, Object.values(numbers)]);
}

import type { LossInputs, LossTerm, Outputs } from '@kd/core';
import { expectClose, expectNoNewTensors } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import type { FeaturePair } from '../../src/index.ts';
import { expectNumericalGradient } from '../gradients.ts';

/** Numbers between −1.6 and 1.6 that repeat nowhere, others for every seed. */
export function filled(shape: readonly number[], seed: number): tf.Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  const values = Float32Array.from(
    { length: size },
    (_, n) => Math.sin(0.37 * n + seed) + 0.6 * Math.cos(0.0137 * n * n + 3 * seed),
  );
  return tf.tensor(values, [...shape], 'float32');
}

/** Feature 0 of both, feature 1 of both … */
export function pairs(count = 1): FeaturePair[] {
  return Array.from({ length: count }, (_, at) => ({ student: String(at), teacher: String(at) }));
}

/** A step with these features, named 0, 1 … */
export function stepWith(
  student: readonly tf.Tensor[],
  teacher?: readonly tf.Tensor[],
): LossInputs {
  const batch = student[0]?.shape[0] ?? 1;
  const outputs = (features: readonly tf.Tensor[]): Outputs => ({
    logits: tf.zeros([batch, 2]),
    features: Object.fromEntries(features.entries()),
  });
  const labels = tf.zeros<tf.Rank.R1>([batch], 'int32');
  return {
    student: outputs(student),
    ...(teacher && { teacher: outputs(teacher) }),
    labels,
    scheduledValues: {},
  };
}

/** The value, and the gradient to each of the student's features. */
export function lossOf(
  term: LossTerm,
  student: readonly tf.Tensor[],
  teacher: readonly tf.Tensor[],
): { value: number; gradients: Float32Array[] } {
  const { value, grads } = tf.tidy(() =>
    tf.valueAndGrads((...features: tf.Tensor[]) => term(stepWith(features, teacher)))([...student]),
  );
  const read = {
    value: value.dataSync()[0] as number,
    gradients: grads.map((grad) => Float32Array.from(grad.dataSync())),
  };
  tf.dispose([value, grads]);
  return read;
}

/**
 * The gradient to every feature of the student is that of finite differences, and none reaches the
 * teacher.
 */
export function expectTrueGradient(
  term: LossTerm,
  student: readonly tf.Tensor[],
  teacher: readonly tf.Tensor[],
  relative = 2e-3,
): void {
  const { gradients } = lossOf(term, student, teacher);
  for (const [at, feature] of student.entries()) {
    const loss = (moved: tf.Tensor): tf.Scalar =>
      term(
        stepWith(
          student.map((other, place) => (place === at ? moved : other)),
          teacher,
        ),
      );
    expectNumericalGradient(loss, feature, gradients[at] as Float32Array, relative);
  }
  tf.tidy(() => {
    const toTeacher = tf.grads((...features: tf.Tensor[]) => term(stepWith(student, features)))([
      ...teacher,
    ]);
    for (const grad of toTeacher) expectClose(grad.dataSync(), new Array(grad.size).fill(0), 0);
  });
}

/** Value and gradient are numbers, the value being what is expected where that is known. */
export function expectFinite(
  term: LossTerm,
  student: readonly tf.Tensor[],
  teacher: readonly tf.Tensor[],
  value?: number,
): void {
  const got = lossOf(term, student, teacher);
  for (const number of [got.value, ...got.gradients.flatMap((gradient) => [...gradient])])
    expect(number).toSatisfy(Number.isFinite);
  if (value !== undefined) expect(got.value).toBeCloseTo(value, 6);
}

/** Features at which methods break: a batch of one, equal examples, constants, zeros, |x| = 1e3. */
export function expectFiniteEverywhere(
  term: LossTerm,
  shapes: readonly (readonly number[])[],
  teacherShapes = shapes,
): void {
  tf.tidy(() => {
    const features = (all: readonly (readonly number[])[], seed: number): tf.Tensor[] =>
      all.map((shape, at) => filled(shape, seed + at));
    const [student, teacher] = [features(shapes, 1), features(teacherShapes, 5)];
    const one = (list: readonly tf.Tensor[]): tf.Tensor[] => list.map((x) => tf.slice(x, 0, 1));
    const same = (list: readonly tf.Tensor[]): tf.Tensor[] =>
      list.map((x) =>
        tf.tile(tf.slice(x, 0, 1), [x.shape[0] as number, ...x.shape.slice(1).map(() => 1)]),
      );
    const zero = (list: readonly tf.Tensor[]): tf.Tensor[] => list.map((x) => tf.zerosLike(x));
    const level = (list: readonly tf.Tensor[]): tf.Tensor[] =>
      list.map((x) => tf.fill(x.shape, 0.7));
    const large = (list: readonly tf.Tensor[]): tf.Tensor[] =>
      list.map((x) => tf.mul(tf.sign(x), 1e3));
    for (const change of [one, same, zero, level, large]) {
      expectFinite(term, change(student), change === one ? one(teacher) : teacher);
      expectFinite(term, change(student), change(teacher));
      expectFinite(term, change === one ? one(student) : student, change(teacher));
    }
  });
}

/** The term leaves its value and nothing else. */
export async function expectTidy(
  term: LossTerm,
  student: readonly tf.Tensor[],
  teacher: readonly tf.Tensor[],
): Promise<void> {
  const step = stepWith(student, teacher);
  await expectNoNewTensors(() => term(step).dispose());
  tf.dispose([
    step.student.logits,
    step.teacher?.logits ?? [],
    step.labels,
    [...student],
    [...teacher],
  ]);
}

import { deriveSeed, ensure, expectShape, unexpected, uniform } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import type { TapPair, TapPoint } from '../taps.ts';

type Map = (rows: tf.Tensor2D) => tf.Tensor2D;

/** Linear maps that put a student's and a teacher's features, [batch, channels], on as many channels: [batch, width]. Both train along with the student. */
export interface Embeddings {
  readonly student: Map;
  readonly teacher: Map;
  readonly weights: Readonly<Record<string, tf.Variable>>;
}

/** @param taps Must know their channels: `tapOf(network, name)`. Kernels and biases are uniform in ±1/√channels, as those of PyTorch's `Linear`. */
export function makeEmbeddings(where: string, taps: TapPair, width: number, seed: number): Embeddings {
  ensure(Number.isInteger(width) && width >= 1, where, 'a whole number of embedded channels ≥ 1', width, '128 is usual');
  const student = linear(where, taps.student, width, deriveSeed(seed, 'student', 0));
  const teacher = linear(where, taps.teacher, width, deriveSeed(seed, 'teacher', 0));
  const weights = { 'student.kernel': student.kernel, 'student.bias': student.bias, 'teacher.kernel': teacher.kernel, 'teacher.bias': teacher.bias };
  return { student: student.apply, teacher: teacher.apply, weights };
}

function linear(where: string, place: string | TapPoint, width: number, seed: number) {
  if (typeof place === 'string') throw unexpected(where, 'a tap that knows its channels', `'${place}'`, `tapOf(network, '${place}') gives one`);
  const { channels, name } = place;
  const [kernel, bias] = [drawn([channels, width], channels, seed, 0), drawn([width], channels, seed, 1)];
  const apply: Map = (rows) => {
    expectShape(where, `rows [batch, ${channels}] at ${name}`, rows, [null, channels]);
    return tf.tidy(() => tf.add(tf.matMul(rows, kernel as tf.Tensor2D), bias) as tf.Tensor2D);
  };
  return { kernel, bias, apply };
}

function drawn(shape: number[], inputs: number, seed: number, stream: number): tf.Variable {
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, at) => (2 * uniform(seed, stream, at) - 1) / Math.sqrt(inputs));
  return tf.tidy(() => tf.variable(tf.tensor(values, shape)));
}

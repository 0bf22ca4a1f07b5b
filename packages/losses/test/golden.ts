import { readFileSync } from 'node:fs';
import type { LossInputs, LossTerm } from '@kd/core';
import { expectClose } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';

/**
 * A published implementation's value and gradient, run in PyTorch float64; `reference` names it.
 */
interface Entry {
  readonly reference: string;
  readonly value: number;
  /** To the student's logits, row-major. */
  readonly gradient: readonly number[];
}
type Edge = Entry & {
  readonly inputs: {
    readonly student: number[][];
    readonly teacher?: number[][];
    readonly labels?: number[];
  };
};
type LogitsName = 'S' | 'T' | 'S2' | 'Sr' | 'Tr';
interface Golden {
  readonly inputs: Readonly<Record<LogitsName, number[][]>> & { readonly y: number[] };
  readonly losses: Readonly<Record<string, Entry>>;
  readonly edges: Readonly<Record<string, Edge>>;
  readonly perExample: { readonly temperature: number; readonly kl: readonly number[] };
}

const golden = JSON.parse(
  readFileSync(new URL('fixtures/golden.json', import.meta.url), 'utf8'),
) as Golden;

export const perExample = golden.perExample;

/** Golden logits [4, 10] by their name. */
export function logits(name: LogitsName): tf.Tensor2D {
  return tf.tensor2d(golden.inputs[name]);
}

/** The labels of the golden entries, int32 [4]. */
export function labels(): tf.Tensor1D {
  return tf.tensor1d(golden.inputs.y, 'int32');
}

/** A step with these logits. */
export function stepOf(
  student: tf.Tensor2D,
  teacher: tf.Tensor2D | undefined,
  classes: tf.Tensor1D,
  numbers: LossInputs['scheduledValues'] = {},
): LossInputs {
  return {
    student: { logits: student, features: {} },
    ...(teacher && { teacher: { logits: teacher, features: {} } }),
    labels: classes,
    scheduledValues: numbers,
  };
}

/**
 * Throws unless the term has the golden value to 1e-5 and the golden gradient to 1e-5 of its
 * largest element.
 */
export function expectGolden(
  id: string,
  term: LossTerm,
  student: LogitsName = 'S',
  teacher: LogitsName = 'T',
): void {
  const entry = entryOf(golden.losses, id);
  tf.tidy(() => expectEntry(entry, term, logits(student), logits(teacher), labels()));
}

/** The same for an edge case, which brings its own inputs. */
export function expectEdge(id: string, term: LossTerm): void {
  const edge = entryOf(golden.edges, id);
  const { student, teacher, labels: classes } = edge.inputs;
  tf.tidy(() => {
    const teacherLogits = teacher && tf.tensor2d(teacher);
    expectEntry(
      edge,
      term,
      tf.tensor2d(student),
      teacherLogits,
      tf.tensor1d(classes ?? student.map(() => 0), 'int32'),
    );
  });
}

function expectEntry(
  entry: Entry,
  term: LossTerm,
  student: tf.Tensor2D,
  teacher: tf.Tensor2D | undefined,
  classes: tf.Tensor1D,
): void {
  const { value, grad } = tf.valueAndGrad((x: tf.Tensor2D) => term(stepOf(x, teacher, classes)))(
    student,
  );
  expectClose(value.dataSync(), [entry.value], 1e-5);
  expectClose(grad.dataSync(), Float32Array.from(entry.gradient), 1e-5);
}

function entryOf<E>(entries: Readonly<Record<string, E>>, id: string): E {
  const entry = entries[id];
  if (entry === undefined)
    throw new Error(`golden: expected one of ${Object.keys(entries).join(', ')}, got ${id}.`);
  return entry;
}

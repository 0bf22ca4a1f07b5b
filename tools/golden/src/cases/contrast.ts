import { expectedError } from '@kd/core';
import { contrastLossPerExample, crd, infoNce, weighted } from '@kd/losses';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { JsonObject, LossEntry } from '../format/file.ts';
import { valuesOf } from '../format/formula.ts';
import { numberOf, textOf } from '../format/values.ts';
import { extrasOf, fillModule } from '../inputs/modules.ts';
import { featureStepOf, type LossCase } from './case.ts';

/** Contrastive methods. */
export const contrastCases: readonly LossCase[] = [
  /**
   * `CRD ContrastLoss on fixed scores`: scores are numerators of probabilities, the positive pair's
   * first.
   */
  {
    method: 'contrastLoss',
    matches: ({ loss, inputs }) => /^CRD\b/.test(loss) && inputs.scores !== undefined,
    options: ['nData', 'epsilon'],
    value({ options }, roles) {
      const scores = roles.tensor('scores');
      const rows = tf.reshape<tf.Rank.R2>(scores, scores.shape.slice(0, 2) as [number, number]);
      const wanted = {
        datasetSize: numberOf(options, 'nData'),
        epsilon: numberOf(options, 'epsilon', 1e-7),
      };
      return tf.mean(contrastLossPerExample(tf.log(rows), wanted)) as Scalar;
    },
  },
  /**
   * `CRD with memory bank, step 1 of 2`: a later step continues from the entries of the steps
   * before it, which define weights and memory banks.
   */
  {
    method: 'crd',
    matches: hasMemoryBank,
    options: ['nData', 'negatives', 'temperature', 'momentum', 'featureDim', 'step'],
    value(entry, roles, entries) {
      const steps = [...stepsBefore(entry, entries), entry];
      const [student, teacher] = [roles.tensor('student'), roles.tensor('teacher')] as [
        Tensor2D,
        Tensor2D,
      ];
      let negatives: Tensor2D | undefined;
      const term = crdTerm(
        entry,
        { student: student.shape[1], teacher: teacher.shape[1] },
        () => negatives as Tensor2D,
      );
      fillCrd(steps[0] as LossEntry, term.weights ?? {});
      const values = steps.map((one) => {
        const indices = indicesOf(one, 'contrastIndex') as Tensor2D;
        negatives = tf.slice(indices, [0, 1]);
        return term({
          student: { logits: teacher, features: { rows: tf.mul(student, studentFactor(one)) } },
          teacher: { logits: teacher, features: { rows: teacher } },
          labels: tf.zeros([indices.shape[0]], 'int32'),
          indices: indicesOf(one, 'index') as Tensor1D,
          seed: tf.zeros([2], 'int32'),
          scheduledValues: {},
        });
      });
      // The gradient keeps what it needs of them.
      tf.dispose(term.weights ?? {});
      return values.at(-1) as Scalar;
    },
  },
  /** `InfoNCE`, `in-batch InfoNCE (…)`, `in-batch InfoNCE, sum of both directions`. */
  {
    method: 'infoNce',
    matches: ({ loss }) => /\bInfoNCE\b/.test(loss),
    options: ['temperature', 'symmetric'],
    value({ options }, roles) {
      const { step } = featureStepOf(roles);
      const { direction, share } = readDirection(options);
      return weighted(
        share,
        infoNce({
          student: '0',
          teacher: '0',
          temperature: numberOf(options, 'temperature', 0.1),
          direction,
        }),
      )(step);
    },
  },
];

function hasMemoryBank({ loss, inputs }: LossEntry): boolean {
  return /^CRD\b/.test(loss) && inputs.contrastIndex !== undefined;
}

function crdTerm(
  { options }: LossEntry,
  channels: { student: number; teacher: number },
  sampler: () => Tensor2D,
) {
  const feature = (side: 'student' | 'teacher') => ({
    name: 'rows',
    channels: channels[side],
    stride: 0,
  });
  return crd({
    student: feature('student'),
    teacher: feature('teacher'),
    datasetSize: numberOf(options, 'nData'),
    negatives: numberOf(options, 'negatives'),
    embedding: numberOf(options, 'featureDim'),
    temperature: numberOf(options, 'temperature', 0.07),
    momentum: numberOf(options, 'momentum', 0.5),
    sampler,
  });
}

/** Returns the entries of the earlier steps of the same run, which are listed before this one. */
function stepsBefore(entry: LossEntry, entries: readonly LossEntry[]): LossEntry[] {
  const settings = ({ options }: LossEntry) => JSON.stringify({ ...options, step: 0 });
  const found: LossEntry[] = [];
  for (const other of entries.slice(0, entries.indexOf(entry)).reverse()) {
    const wanted = numberOf(entry.options, 'step', 1) - 1 - found.length;
    if (wanted === 0) break;
    if (
      hasMemoryBank(other) &&
      other.options.step === wanted &&
      settings(other) === settings(entry)
    )
      found.unshift(other);
  }
  return found;
}

/** Assigns the weights and the memory banks of the first step. */
function fillCrd(entry: LossEntry, weights: Readonly<Record<string, tf.Variable>>): void {
  const {
    'student.memory': ofStudent,
    'teacher.memory': ofTeacher,
    'student.logZ': _,
    'teacher.logZ': __,
    ...embeddings
  } = weights;
  fillModule(entry, embeddings);
  const text = textOf(extrasOf(entry), 'memoryInit');
  const [, first, second] =
    /memory_v1\[n\] = ([^,]+), memory_v2\[n\] = ([^,]+),.* s = 1\/sqrt\(featureDim\/3\)/.exec(
      text,
    ) ?? [];
  if (first === undefined || second === undefined)
    throw expectedError('golden', 'memory_v1[n] = formula, memory_v2[n] = formula', text);
  const s = 1 / Math.sqrt(numberOf(entry.options, 'featureDim') / 3);
  for (const [memory, formula] of [[ofStudent, first] as const, [ofTeacher, second] as const]) {
    if (memory !== undefined)
      tf.tidy(() => memory.assign(tf.tensor(valuesOf(formula, memory.shape, { s }), memory.shape)));
  }
}

/** Reads the student's factor from `es (step 2: 1.1*es; …)`. */
function studentFactor({ options, inputs }: LossEntry): number {
  const later = new RegExp(`step ${numberOf(options, 'step', 1)}: ([\\d.]+)\\*`).exec(
    String(inputs.student),
  );
  return Number(later?.[1] ?? 1);
}

function indicesOf({ inputs }: LossEntry, name: string): Tensor {
  return tf.tensor(inputs[name] as tf.TensorLike, undefined, 'int32');
}

function readDirection({ symmetric = false }: JsonObject): {
  direction: 'student to teacher' | 'both ways';
  share: number;
} {
  if (symmetric === false) return { direction: 'student to teacher', share: 1 };
  if (symmetric === true || symmetric === 'sum') return { direction: 'both ways', share: 1 };
  if (symmetric === 'mean') return { direction: 'both ways', share: 0.5 };
  throw expectedError('golden', 'symmetric sum or mean', symmetric);
}

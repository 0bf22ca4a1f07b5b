import {
  assertShape,
  deriveSeed,
  ensure,
  expectedError,
  foldIn,
  type LossInputs,
  type LossTerm,
} from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from '../checks.ts';
import { constant, stopGradient } from '../detached.ts';
import { type FeaturePair, type FeatureRef, rowsAt } from '../taps.ts';
import { l2Normalize } from '../unit.ts';
import { contrast } from './contrastLoss.ts';
import { makeEmbeddings } from './embedding.ts';
import { type Memory, makeMemory } from './memory.ts';
import { type NegativeSampler, uniformNegatives } from './negatives.ts';

/** Options of CRD, with RepDistiller's values as defaults. */
export interface CrdOptions extends FeaturePair<FeatureRef> {
  /**
   * Rows of the whole image set, as `batch.indices` counts them (not those of a split of it):
   * 50,000 of CIFAR.
   */
  readonly pictures: number;
  /** Negatives for each picture, K; 16,384. */
  readonly negatives?: number;
  /**
   * Where they come from: `uniformNegatives(pictures)` if left out; `otherClassNegatives(labels)`
   * is what the published numbers used.
   */
  readonly sampler?: NegativeSampler;
  /** Width of the embeddings, which is that of the memory; 128. */
  readonly embedding?: number;
  /** > 0; 0.07. */
  readonly temperature?: number;
  /** Share of the old row in a memory's row, 0 ≤ m < 1; 0.5. */
  readonly momentum?: number;
  /** What embeddings and memories are drawn from; 0. */
  readonly seed?: number;
}

/**
 * Contrastive representation distillation: the embedding of a picture by the student must be told
 * from the teacher's of other pictures, and the other way round.
 *
 * h(s, m) = exp(s · m / temperature) / Z for unit rows; the sum of `contrastLossPerExample` of the
 * student's rows against the teacher's memory and of the
 * teacher's against the student's, mean over the batch. Usually `weighted(0.8, crd(…))`. Z = N ·
 * mean h, taken once from the first batch and kept.
 * Both embeddings train; both memories hold a row for every picture of the set (2 · pictures ·
 * embedding numbers, in every checkpoint).
 *
 * Calling it changes the memories: after the scores are taken, the rows of the batch move towards
 * what was said of them.
 * Features are rows, or maps by the mean over their pixels: the last one before the logits is
 * usual. It needs a live teacher and cannot train in a group.
 * @throws RangeError on options out of range, and in a step without a teacher, rows or a seed.
 * Source: Tian, Krishnan, Isola, "Contrastive representation distillation" (ICLR 2020), section
 * 3.1; RepDistiller, `CRDLoss` and `ContrastMemory`.
 * See also: `infoNce`, whose negatives are the batch's own and need no memory.
 */
export function crd(options: CrdOptions): LossTerm {
  const {
    student,
    teacher,
    pictures,
    negatives = 16_384,
    embedding = 128,
    temperature = 0.07,
    momentum = 0.5,
    seed = 0,
  } = options;
  ensure(
    Number.isInteger(pictures) && pictures >= 1,
    'crd',
    'a whole number of pictures ≥ 1',
    pictures,
  );
  ensure(
    Number.isInteger(negatives) && negatives >= 1,
    'crd',
    'a whole number of negatives ≥ 1',
    negatives,
    '16384 is usual',
  );
  ensure(
    temperature > 0 && temperature < Infinity,
    'crd',
    'temperature > 0',
    temperature,
    '0.07 is usual',
  );
  ensure(momentum >= 0 && momentum < 1, 'crd', 'momentum in [0, 1)', momentum, '0.5 is usual');
  const sampler = options.sampler ?? uniformNegatives(pictures);
  const embeddings = makeEmbeddings('crd', { student, teacher }, embedding, seed);
  const memories = {
    student: makeMemory(pictures, embedding, deriveSeed(seed, 'student memory', 0)),
    teacher: makeMemory(pictures, embedding, deriveSeed(seed, 'teacher memory', 0)),
  };
  const normalizers = {
    student: makeNormalizer(pictures, negatives),
    teacher: makeNormalizer(pictures, negatives),
  };

  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const { rows, drawn } = drawsOf(step, { sampler, pictures, negatives, seed });
      const ofStudent = l2Normalize(embeddings.student(rowsAt('crd', step.student, student)));
      const ofTeacher = l2Normalize(
        embeddings.teacher(stopGradient(rowsAt('crd', teacherOf('crd', step), teacher))),
      );
      const side = (queries: tf.Tensor2D, memory: Memory, normalizer: Normalizer): tf.Scalar => {
        const own = tf.div<tf.Tensor1D>(tf.sum(tf.mul(queries, memory.at(rows)), 1), temperature);
        // One product with the whole memory: rows gathered for each query would be [batch,
        // negatives, width], a gigabyte at the defaults and a batch of 128.
        const others = tf.div<tf.Tensor2D>(
          tf.matMul(queries, memory.rows, false, true),
          temperature,
        );
        const logZ = normalizer.logZ(own, others, drawn);
        return tf.mean(
          contrast(tf.sub(own, logZ), tf.sub(others, logZ), { pictures, negatives, drawn }),
        );
      };
      const loss = tf.add<tf.Scalar>(
        side(ofStudent, memories.teacher, normalizers.student),
        side(ofTeacher, memories.student, normalizers.teacher),
      );
      memories.student.remember(rows, ofStudent, momentum);
      memories.teacher.remember(rows, ofTeacher, momentum);
      return loss;
    });
  const weights = {
    ...embeddings.weights,
    'student.memory': memories.student.rows,
    'teacher.memory': memories.teacher.rows,
    'student.logZ': normalizers.student.held,
    'teacher.logZ': normalizers.teacher.held,
  };
  return Object.assign(term, { weights, needsTeacher: true, needsRows: true });
}

/**
 * @returns The batch's rows, int32 [batch], and how often each picture was drawn against them,
 * [batch, pictures].
 */
function drawsOf(
  { indices: rows, labels, seed }: LossInputs,
  options: {
    readonly sampler: NegativeSampler;
    readonly pictures: number;
    readonly negatives: number;
    readonly seed: number;
  },
): { rows: tf.Tensor1D; drawn: tf.Tensor2D } {
  if (rows === undefined || seed === undefined) {
    throw expectedError(
      'crd',
      'step.rows and step.seed',
      rows === undefined ? 'no rows' : 'no seed',
      'the trainer gives them; combine and weighted ask it to',
    );
  }
  const places = options.sampler({
    labels,
    count: options.negatives,
    seed: foldIn(seed, `crd ${options.seed}`),
  });
  assertShape('crd', 'negatives [batch, negatives]', places, [labels.size, options.negatives]);
  return { rows, drawn: tf.denseBincount(places, tf.zeros<tf.Rank.R2>([0, 0]), options.pictures) };
}

/** The constant Z of one side. */
interface Normalizer {
  /** [log Z, whether it is known]. */
  readonly held: tf.Variable<tf.Rank.R1>;
  /**
   * Logs of h without Z: of the positives [batch], and of all pictures [batch, pictures] with how
   * often they were drawn. The first ones set Z.
   */
  logZ(own: tf.Tensor1D, others: tf.Tensor2D, drawn: tf.Tensor2D): tf.Scalar;
}

function makeNormalizer(pictures: number, negatives: number): Normalizer {
  const held = tf.tidy(() =>
    tf.variable(tf.zeros<tf.Rank.R1>([2]), false),
  ) as tf.Variable<tf.Rank.R1>;
  const logZ = (own: tf.Tensor1D, others: tf.Tensor2D, drawn: tf.Tensor2D): tf.Scalar => {
    const now = constant(() => {
      // log 0 of those that were not drawn is −∞, and adds nothing.
      const all = tf.stack([tf.logSumExp(own), tf.logSumExp(tf.add(others, tf.log(drawn)))]);
      const first = tf.add(tf.logSumExp(all), Math.log(pictures / (own.size * (1 + negatives))));
      const known = tf.slice1d(held, 1, 1);
      return tf.add<tf.Tensor1D>(
        tf.mul(known, tf.slice1d(held, 0, 1)),
        tf.mul(tf.sub(1, known), first),
      );
    });
    held.assign(tf.concat1d([now, tf.ones<tf.Rank.R1>([1])]));
    return tf.reshape<tf.Rank.R0>(now, []);
  };
  return { held, logZ };
}

import { assertSameShape, assertShape, ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from '../checks.ts';
import { stopGradient } from '../detached.ts';
import { type FeaturePair, rowsAt } from '../taps.ts';
import { l2Normalize } from '../unit.ts';
import { makeEmbeddings } from './embedding.ts';

/** How rows are told from each other. */
export interface InfoNceEmbeddings {
  /** > 0; 0.1. Small ones look at the hardest negatives alone. */
  readonly temperature?: number;
  /**
   * Who has to find its partner: each row of the student the teacher's (the default), or the
   * teacher's rows theirs too, both added up.
   * CLIP takes the mean of both: half of it.
   */
  readonly direction?: 'student to teacher' | 'both ways';
}

export interface InfoNceOptions extends InfoNceEmbeddings, FeaturePair {
  /**
   * Puts both features on so many channels by linear maps that train: needed where their widths
   * differ, and taps must then be `featureRef(network, name)`.
   */
  readonly embedding?: number;
  /** What the maps are drawn from; 0. */
  readonly seed?: number;
}

/**
 * Which of the teacher's rows belongs to the student's? The other rows of the batch are the
 * negatives.
 *
 * −log softmax_j(cos(s_i, t_j) / temperature) at j = i; 'both ways' adds −log softmax_i(cos(s_i,
 * t_j) / temperature) at i = j.
 * @param studentRows [batch, channels]. A row of zeros has cosine 0 to all, and gradient 0.
 * @param teacherRows [batch, channels]. Not differentiated.
 * @returns [batch], nats, ≥ 0; 0 in a batch of one.
 * @throws RangeError on shapes that differ and on a temperature ≤ 0.
 * Source: van den Oord, Li, Vinyals, "Representation learning with contrastive predictive coding"
 * (2018), section 2.3; as RElbers/info-nce-pytorch.
 * See also: `crd`, whose negatives come from the whole set, out of a memory.
 */
export function infoNcePerExample(
  studentRows: tf.Tensor2D,
  teacherRows: tf.Tensor2D,
  options: InfoNceEmbeddings = {},
): tf.Tensor1D {
  return tf.tidy(() => pairing(studentRows, stopGradient(teacherRows), options));
}

/** The same with a gradient to the teacher's rows, which a map of our own may have made. */
function pairing(
  studentRows: tf.Tensor2D,
  teacherRows: tf.Tensor2D,
  { temperature = 0.1, direction = 'student to teacher' }: InfoNceEmbeddings,
): tf.Tensor1D {
  expectRows(temperature);
  assertShape('infoNce', 'student rows [batch, channels]', studentRows, [null, null]);
  const widths = [studentRows.shape[1], teacherRows.shape[1]];
  ensure(
    widths[0] === widths[1],
    'infoNce',
    'student and teacher rows of the same width',
    widths,
    'embedding: 128 puts both on 128',
  );
  assertSameShape('infoNce', 'student rows', studentRows, 'teacher rows', teacherRows);
  return tf.tidy(() => {
    const scores = tf.div<tf.Tensor2D>(
      tf.matMul(l2Normalize(studentRows), l2Normalize(teacherRows), false, true),
      temperature,
    );
    const isPair = tf.eye(scores.shape[0]);
    const search = (rows: tf.Tensor2D): tf.Tensor1D =>
      tf.neg(tf.sum(tf.mul(tf.logSoftmax(rows), isPair), 1));
    switch (direction) {
      case 'student to teacher':
        return search(scores);
      case 'both ways':
        return tf.add(search(scores), search(tf.transpose(scores)));
      default:
        throw expectedError(
          'infoNce',
          "direction 'student to teacher' or 'both ways'",
          direction satisfies never,
        );
    }
  });
}

/**
 * In-batch InfoNCE between a feature of the student and one of the teacher, mean over the batch.
 * Maps are averaged over their pixels.
 * It needs a live teacher (a recording has no features) and batches of some size: a batch of one
 * teaches nothing.
 */
export function infoNce(options: InfoNceOptions): LossTerm {
  const { student, teacher, embedding, seed = 0 } = options;
  expectRows(options.temperature ?? 0.1);
  const maps =
    embedding === undefined
      ? undefined
      : makeEmbeddings('infoNce', { student, teacher }, embedding, seed);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const studentRows = rowsAt('infoNce', step.student, student);
      const teacherRows = stopGradient(rowsAt('infoNce', teacherOf('infoNce', step), teacher));
      const rows =
        maps === undefined
          ? ([studentRows, teacherRows] as const)
          : ([maps.student(studentRows), maps.teacher(teacherRows)] as const);
      return tf.mean(pairing(...rows, options)) as tf.Scalar;
    });
  return Object.assign(term, { needsTeacher: true, ...(maps && { weights: maps.weights }) });
}

function expectRows(temperature: number): void {
  ensure(
    temperature > 0 && temperature < Infinity,
    'infoNce',
    'temperature > 0',
    temperature,
    '0.1 is usual',
  );
}

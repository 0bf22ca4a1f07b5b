import { assertSameShape, assertShape, ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { requireTeacher } from '../shared/checks.ts';
import { type FeaturePair, rowsAt } from '../shared/features.ts';
import { l2Normalize, stopGradient } from '../shared/math.ts';
import { createEmbeddings } from '../shared/projector.ts';

/** Options of the comparison. */
export interface InfoNceEmbeddings {
  /** > 0; 0.1. A small temperature concentrates on the hardest negatives. */
  readonly temperature?: number;
  /**
   * 'student to teacher' (the default) classifies each student vector among the teacher's; 'both
   * ways' adds the classification of each teacher vector among the student's. CLIP takes the mean
   * of both directions: half of it.
   */
  readonly direction?: 'student to teacher' | 'both ways';
}

export interface InfoNceOptions extends InfoNceEmbeddings, FeaturePair {
  /**
   * Width of linear maps, trained along, that project both features. Required where their widths
   * differ; the features must then be `featureRef(network, name)`.
   */
  readonly embedding?: number;
  /** Seed of the initial linear maps; 0. */
  readonly seed?: number;
}

/**
 * InfoNCE within the batch: finds the teacher's vector of the same image among those of the whole
 * batch.
 *
 * −log softmax_j(cos(s_i, t_j) / temperature) at j = i; 'both ways' adds −log softmax_i(cos(s_i,
 * t_j) / temperature) at i = j.
 * @param studentRows [batch, channels]. A vector of zeros has cosine 0 to all, and gradient 0.
 * @param teacherRows [batch, channels]. Not differentiated.
 * @returns [batch], nats, ≥ 0; 0 in a batch of one.
 * @throws RangeError for shapes that differ and for a temperature ≤ 0.
 * Source: van den Oord, Li, Vinyals, "Representation learning with contrastive predictive coding"
 * (2018), section 2.3; as RElbers/info-nce-pytorch.
 * See also: `crd`, whose negatives come from the whole dataset by way of a memory bank.
 */
export function infoNcePerExample(
  studentRows: tf.Tensor2D,
  teacherRows: tf.Tensor2D,
  options: InfoNceEmbeddings = {},
): tf.Tensor1D {
  return tf.tidy(() => pairwiseInfoNce(studentRows, stopGradient(teacherRows), options));
}

/**
 * `infoNcePerExample` with a gradient to the teacher's vectors, which a trained linear map may have
 * computed.
 */
function pairwiseInfoNce(
  studentRows: tf.Tensor2D,
  teacherRows: tf.Tensor2D,
  { temperature = 0.1, direction = 'student to teacher' }: InfoNceEmbeddings,
): tf.Tensor1D {
  assertRows(temperature);
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
 * InfoNCE between a feature of the student and one of the teacher, mean over the batch. Maps are
 * averaged over their pixels. It needs a live teacher (cached logits have no features) and batches
 * of some size: a batch of one has no negatives and a loss of 0.
 */
export function infoNce(options: InfoNceOptions): LossTerm {
  const { student, teacher, embedding, seed = 0 } = options;
  assertRows(options.temperature ?? 0.1);
  const maps =
    embedding === undefined
      ? undefined
      : createEmbeddings('infoNce', { student, teacher }, embedding, seed);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const studentRows = rowsAt('infoNce', step.student, student);
      const teacherRows = stopGradient(rowsAt('infoNce', requireTeacher('infoNce', step), teacher));
      const rows =
        maps === undefined
          ? ([studentRows, teacherRows] as const)
          : ([maps.student(studentRows), maps.teacher(teacherRows)] as const);
      return tf.mean(pairwiseInfoNce(...rows, options)) as tf.Scalar;
    });
  return Object.assign(term, { needsTeacher: true, ...(maps && { weights: maps.weights }) });
}

function assertRows(temperature: number): void {
  ensure(
    temperature > 0 && temperature < Infinity,
    'infoNce',
    'temperature > 0',
    temperature,
    '0.1 is usual',
  );
}

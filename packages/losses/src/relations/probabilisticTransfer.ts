import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { constant, detached } from '../detached.ts';
import { flat } from '../flat.ts';
import { pairTerm } from '../pairTerm.ts';
import { safeSqrt } from '../safeSqrt.ts';
import { featureAt, type TapPair } from '../taps.ts';
import { expectSameBatch } from './expectations.ts';

export interface ProbabilisticTransferOptions {
  /** Added to lengths and probabilities, > 0; 1e-7. */
  readonly epsilon?: number;
}

/**
 * How probably each picture is another's neighbour, to the student as to the teacher.
 *
 * p_j|i = (1 + cos(f_i, f_j)) / 2 over its sum along j; mean_ij p_j|i of the teacher · log(p_j|i of the teacher / p_j|i of the student).
 * @param student [batch, …], any shape, flattened.
 * @param teacher [batch, …]; of another width, if need be. Not differentiated.
 * @returns One number, nats, ≥ 0; 0 in a batch of one. The mean over pairs, not the sum over j: it is small, hence its large weight.
 * @throws RangeError on epsilon ≤ 0 and on features of other batches.
 * Source: Passalis, Tefas, "Learning deep representations with probabilistic knowledge transfer" (2018), section 3, with the cosine kernel.
 * See also `similarityPreserving`.
 */
export function probabilisticTransferOfBatch(
  student: tf.Tensor,
  teacher: tf.Tensor,
  { epsilon = 1e-7 }: ProbabilisticTransferOptions = {},
): tf.Scalar {
  expectEpsilon(epsilon);
  expectSameBatch('probabilisticTransfer', student, teacher);
  return tf.tidy(() => {
    const [model, target] = [neighbours(student, epsilon), neighbours(detached(teacher), epsilon)];
    const excess = tf.sub(target, model);
    // Rows of both add up to 1, so that taking the excess off changes nothing; terms are then all small where both are near, and none cancels another.
    return tf.mean(tf.sub(tf.mul(target, tf.log1p(tf.div(excess, tf.add(model, epsilon)))), excess));
  });
}

/** Probabilistic knowledge transfer, summed over the pairs of taps; usually `weighted(30000, probabilisticTransfer(pairs))`. */
export function probabilisticTransfer(pairs: TapPair | readonly TapPair[], options: ProbabilisticTransferOptions = {}): LossTerm {
  expectEpsilon(options.epsilon ?? 1e-7);
  return pairTerm('probabilisticTransfer', pairs, featureAt, (student, teacher) => probabilisticTransferOfBatch(student, teacher, options));
}

/** [batch, batch], each row adds up to 1. A row of zeros is as near to all. */
function neighbours(feature: tf.Tensor, epsilon: number): tf.Tensor2D {
  const rows = flat(feature);
  const length = safeSqrt(tf.sum(tf.square(rows), 1, true));
  const directions = tf.mul<tf.Tensor2D>(
    rows,
    tf.div(
      constant(() => tf.cast(tf.greater(length, 0), 'float32')),
      tf.add(length, epsilon),
    ),
  );
  const near = tf.div(tf.add(tf.matMul(directions, directions, false, true), 1), 2);
  return tf.div(near, tf.sum(near, 1, true));
}

function expectEpsilon(epsilon: number): void {
  ensure(epsilon > 0 && epsilon < Infinity, 'probabilisticTransfer', 'epsilon > 0', epsilon, '1e-7 is usual');
}

import { type Batch, compile, type Network, type Teacher } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { inferenceOf } from './inference.ts';
import { ask } from './teachers/ask.ts';

/** What is said of a batch, and how right it is; the caller frees both. */
export interface Judged {
  readonly logits: tf.Tensor2D;
  /** [6, batch]: truth, prediction, confidence, cross entropy, rank of the truth, classes. */
  readonly judgements: tf.Tensor2D;
}

/** Asks and judges, a batch at a time. */
export interface Judge {
  /** Before every pass: weights that have moved are taken over. */
  refresh(): void;
  look(batch: Batch): Promise<Judged>;
}

/** A network is asked and judged by one call of the engine, a teacher by two. */
export function judgeOf(judged: Network | Teacher): Judge {
  if (typeof judged === 'function') return teacherJudge(judged);
  const { forward, refresh } = inferenceOf(judged);
  const judge = compile((images: tf.Tensor4D, labels: tf.Tensor1D) =>
    tf.tidy(() => {
      const { logits } = forward(images);
      return { logits, judgements: judgements(logits, labels) };
    }),
  );
  return { refresh, look: ({ images, labels }) => judge.later(images, labels) };
}

function teacherJudge(teacher: Teacher): Judge {
  const judge = compile((logits: tf.Tensor2D, labels: tf.Tensor1D) => judgements(logits, labels));
  return {
    refresh: () => {},
    async look(batch) {
      const { logits, features } = await ask(teacher, batch);
      tf.dispose(Object.values(features));
      try {
        return { logits, judgements: await judge.later(logits, batch.labels) };
      } catch (error) {
        logits.dispose();
        throw error;
      }
    },
  };
}

/** Rows of `Judged.judgements`. */
export const FIELDS = 6;

/** One small tensor to read. */
function judgements(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor2D {
  return tf.tidy(() => {
    const classes = logits.shape[1];
    const truth = tf.cast(tf.oneHot(labels, classes), 'float32');
    const logProbabilities = tf.logSoftmax(logits);
    const own = tf.sum(tf.mul(truth, logits), 1, true);
    const lower = tf.less(
      tf.range(0, classes, 1, 'float32'),
      tf.expandDims(tf.cast(labels, 'float32'), 1),
    );
    const before = tf.logicalOr(
      tf.greater(logits, own),
      tf.logicalAnd(tf.equal(logits, own), lower),
    );
    return tf.stack([
      tf.cast(labels, 'float32'),
      tf.cast(tf.argMax(logits, 1), 'float32'),
      tf.exp(tf.max(logProbabilities, 1)),
      tf.neg(tf.sum(tf.mul(truth, logProbabilities), 1)),
      tf.sum(tf.cast(before, 'float32'), 1),
      tf.fill([logits.shape[0]], classes),
    ]) as tf.Tensor2D;
  });
}

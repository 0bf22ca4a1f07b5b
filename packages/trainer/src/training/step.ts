import { compile, type Network, type Objective, type Optimizer, type Outputs, type Step, unexpected } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import type { WeightAverage } from '../optimizers/averageWeights.ts';
import { clipByGlobalNorm } from '../optimizers/clipByGlobalNorm.ts';
import type { RunningSums } from './sums.ts';
import { dropTape } from './tape.ts';

/** All that changes from step to step, as tensors: the arguments of the compiled step. */
export interface Feed {
  readonly images: tf.Tensor4D;
  readonly labels: tf.Tensor1D;
  readonly teacher?: Outputs;
  /** The objective's numbers at this step. */
  readonly numbers: Readonly<Record<string, tf.Scalar>>;
  readonly learningRate: tf.Scalar;
  /** Number of the step in its epoch, from 1. */
  readonly step: tf.Scalar;
  /** `Mode.seed`. */
  readonly seed: tf.Tensor1D;
}

export interface StepParts {
  readonly student: Network;
  readonly objective: Objective;
  readonly optimizer: Optimizer;
  /** The only weights that move along gradients, by the names the optimizer knows. */
  readonly trainable: Readonly<Record<string, tf.Variable>>;
  readonly sums: RunningSums;
  readonly clipNorm?: number | undefined;
  readonly average?: WeightAverage | undefined;
}

const RESERVED = ['total', 'accuracy', 'gradientNorm'];

/** Names of what a step adds to the sums besides the terms; the total stands last of the losses so that a broken term is named before it. */
export function sumNames(terms: readonly string[], clipNorm: number | undefined): string[] {
  return [...terms, 'total', 'accuracy', ...(clipNorm === undefined ? [] : ['gradientNorm'])];
}

/**
 * One training step as one function of tensors: forward, objective, gradients of exactly the trainable weights, clipping, optimizer, averages, sums.
 * Everything it changes is an assignment to a variable; it reads nothing back.
 * @returns Runs a step without holding up the event loop, where the engine can; the caller owns the total that comes out.
 */
export function trainingStep(parts: StepParts): (feed: Feed) => Promise<tf.Scalar> {
  const { optimizer, sums, clipNorm, average } = parts;
  const run = compile((feed: Feed & Record<string, tf.TensorContainer>) =>
    tf.tidy(() => {
      const { total, values, gradients } = differentiate(parts, feed);
      const clipped = clipNorm === undefined ? undefined : clipByGlobalNorm(gradients, clipNorm);
      optimizer.apply(clipped?.gradients ?? gradients, feed.learningRate);
      average?.update();
      const all = clipped === undefined ? values : tf.concat1d([values, tf.reshape(clipped.norm, [1])]);
      sums.add(all, feed.labels.size, feed.step);
      return total;
    }),
  );
  return (feed) => run.later(feed as Feed & Record<string, tf.TensorContainer>);
}

/** @returns values: [terms in order of the sums, total, accuracy]; all live in the caller's tidy. */
function differentiate({ student, objective, trainable, sums }: StepParts, feed: Feed) {
  const kept: tf.Tensor1D[] = [];
  try {
    const { value, grads } = tf.variableGrads(() => {
      const outputs = student.forward(feed.images, { training: true, seed: feed.seed });
      const { total, terms } = objective(stepOf(feed, outputs));
      const named = sums.names.slice(0, sums.names.indexOf('total')).map((name) => terms[name] as tf.Scalar);
      kept.push(tf.keep(tf.stack([...named, total, accuracy(outputs.logits, feed.labels)]) as tf.Tensor1D));
      return total;
    }, Object.values(trainable));
    const gradients: Record<string, tf.Tensor> = {};
    for (const [name, variable] of Object.entries(trainable)) {
      const gradient = grads[variable.name];
      if (gradient !== undefined && gradient !== null) gradients[name] = gradient;
    }
    // What the tape's own scope would free was kept there, and is handed to the step's scope here.
    return { total: value, values: tf.concat1d(kept.map((tensor) => tf.clone(tensor))), gradients };
  } catch (error) {
    dropTape();
    throw error;
  } finally {
    tf.dispose(kept);
  }
}

/** The step as a loss sees it. */
export function stepOf({ labels, teacher, numbers }: Pick<Feed, 'labels' | 'teacher' | 'numbers'>, student: Outputs): Step {
  return teacher === undefined ? { labels, student, numbers } : { labels, student, teacher, numbers };
}

function accuracy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), tf.cast(labels, 'int32')), 'float32'));
}

/** Throws where the student and the objective do not fit the data; one forward pass that changes nothing. @returns Names of the terms. */
export function rehearse({ student, objective }: Pick<StepParts, 'student' | 'objective'>, feed: Feed, classes: number): string[] {
  return tf.tidy(() => {
    const outputs = student.forward(feed.images, { training: false });
    const [, logits] = outputs.logits.shape;
    if (outputs.logits.rank !== 2 || logits !== classes) {
      throw unexpected('train', `a student with a logit for each of the ${classes} classes`, `logits of shape [${outputs.logits.shape.join(', ')}]`);
    }
    const { total, terms } = objective(stepOf(feed, outputs));
    const taken = Object.keys(terms).find((name) => RESERVED.includes(name));
    if (taken !== undefined) throw unexpected('train', `terms not named ${RESERVED.join(', ')}`, taken);
    for (const [name, value] of Object.entries<tf.Tensor>({ ...terms, total })) {
      if (value.rank !== 0) throw unexpected('train', `one number for ${name}`, `shape [${value.shape.join(', ')}]`, 'take the mean over the batch');
    }
    return Object.keys(terms);
  });
}

import {
  compile,
  expectedError,
  type LossInputs,
  type Network,
  type Objective,
  type Optimizer,
  type Outputs,
  type ProcessGroup,
} from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { sumOfAll } from '../group/sumOfAll.ts';
import { watchMoving } from '../group/watchMoving.ts';
import type { ExponentialMovingAverage } from '../optimizers/averageWeights.ts';
import { clipByGlobalNorm } from '../optimizers/clipByGlobalNorm.ts';
import type { RunningSums } from './sums.ts';
import { dropTape } from './tape.ts';
import { unmoved } from './unmoved.ts';

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
  /** `Mode.seed`, and `Step.seed`. */
  readonly seed: tf.Tensor1D;
  /** `Step.rows`, where the objective reads them. */
  readonly rows?: tf.Tensor1D;
  /** Where the pictures are a shard of the batch. */
  readonly shard?: ShardFeed;
}

/** What a step in a group needs to know besides. */
export interface ShardFeed {
  /** Pictures of the shard / pictures of the batch. */
  readonly share: tf.Scalar;
  /** Pictures of the batch. */
  readonly images: tf.Scalar;
  /** [1]: 1 where this process wants to stop, else 0. */
  readonly wish: tf.Tensor1D;
}

/** What comes out of a step; the caller's. */
export interface StepResult {
  readonly total: tf.Scalar;
  /** In a group, [1]: how many processes want to stop; all stop after the same step. */
  readonly wishes?: tf.Tensor1D;
}

export interface StepParts {
  readonly student: Network;
  readonly objective: Objective;
  readonly optimizer: Optimizer;
  /** The only weights that move along gradients, by the names the optimizer knows. */
  readonly trainable: Readonly<Record<string, tf.Variable>>;
  readonly sums: RunningSums;
  readonly clipNorm?: number | undefined;
  readonly average?: ExponentialMovingAverage | undefined;
  /** Who computes the other shards of each batch. */
  readonly group?: ProcessGroup | undefined;
}

const RESERVED = ['total', 'accuracy', 'gradientNorm'];

/**
 * Names of what a step adds to the sums besides the terms; the total stands last of the losses so
 * that a broken term is named before it.
 */
export function sumNames(terms: readonly string[], clipNorm: number | undefined): string[] {
  return [...terms, 'total', 'accuracy', ...(clipNorm === undefined ? [] : ['gradientNorm'])];
}

/**
 * One training step as one function of tensors: forward, objective, gradients of exactly the
 * trainable weights, clipping, optimizer, averages, sums.
 * Everything it changes is an assignment to a variable; it reads nothing back.
 * @returns Runs a step without holding up the event loop, where the engine can.
 */
export function trainingStep(parts: StepParts): (feed: Feed) => Promise<StepResult> {
  const { optimizer, sums, clipNorm, average } = parts;
  const run = compile((feed: Feed & Record<string, tf.TensorContainer>) =>
    tf.tidy(() => {
      const { values, gradients, wishes } = differentiateTogether(parts, feed);
      const clipped = clipNorm === undefined ? undefined : clipByGlobalNorm(gradients, clipNorm);
      optimizer.apply(clipped?.gradients ?? gradients, feed.learningRate);
      average?.update();
      const all =
        clipped === undefined ? values : tf.concat1d([values, tf.reshape(clipped.norm, [1])]);
      sums.add(all, feed.shard?.images ?? feed.labels.size, feed.step);
      const total = tf.reshape<tf.Rank.R0>(tf.slice1d(values, sums.names.indexOf('total'), 1), []);
      return { total, ...(wishes === undefined ? {} : { wishes }) };
    }),
  );
  return (feed) => run.later(feed as Feed & Record<string, tf.TensorContainer>);
}

/** The same for the whole batch, where each process of a group has a shard of it. */
function differentiateTogether(
  parts: StepParts,
  feed: Feed,
): Differentiated & { readonly wishes?: tf.Tensor1D } {
  const { student, objective, group } = parts;
  const { shard } = feed;
  if (group === undefined || shard === undefined) return differentiate(parts, feed);
  const moving = watchMoving([student.weights, objective.weights]);
  const { values, gradients } = differentiate(parts, feed);
  const moved = moving();
  const own = [values, ...moved].map((tensor) => tf.mul(tensor, shard.share));
  const names = Object.keys(gradients);
  const [wishes, means, ...others] = sumOfAll(group, [
    shard.wish,
    ...own,
    ...Object.values(gradients),
  ]) as [tf.Tensor1D, tf.Tensor1D, ...tf.Tensor[]];
  moved.forEach((variable, at) => {
    variable.assign(others[at] as tf.Tensor);
  });
  return {
    values: means,
    gradients: Object.fromEntries(
      names.map((name, at) => [name, others[moved.length + at] as tf.Tensor]),
    ),
    wishes,
  };
}

interface Differentiated {
  /** [terms in order of the sums, total, accuracy], means over the pictures. */
  readonly values: tf.Tensor1D;
  readonly gradients: Readonly<Record<string, tf.Tensor>>;
}

/**
 * Of a shard the gradients are those of its share of the total, so that their sum is the whole
 * batch's. All live in the caller's tidy.
 */
function differentiate(
  { student, objective, trainable, sums }: StepParts,
  feed: Feed,
): Differentiated {
  const kept: tf.Tensor1D[] = [];
  try {
    const { grads } = tf.variableGrads(() => {
      const outputs = student.forward(feed.images, { training: true, seed: feed.seed });
      const { total, terms } = objective(stepOf(feed, outputs));
      const named = sums.names
        .slice(0, sums.names.indexOf('total'))
        .map((name) => terms[name] as tf.Scalar);
      kept.push(
        tf.keep(tf.stack([...named, total, accuracy(outputs.logits, feed.labels)]) as tf.Tensor1D),
      );
      return feed.shard === undefined ? total : tf.mul(total, feed.shard.share);
    }, Object.values(trainable));
    const gradients: Record<string, tf.Tensor> = {};
    for (const [name, variable] of Object.entries(trainable)) {
      const gradient = grads[variable.name];
      if (gradient !== undefined && gradient !== null) gradients[name] = gradient;
    }
    // What the tape's own scope would free was kept there, and is handed to the step's scope here.
    return { values: tf.concat1d(kept.map((tensor) => tf.clone(tensor))), gradients };
  } catch (error) {
    dropTape();
    throw error;
  } finally {
    tf.dispose(kept);
  }
}

/** The step as a loss sees it. */
export function stepOf(
  {
    labels,
    teacher,
    numbers,
    seed,
    rows,
  }: Pick<Feed, 'labels' | 'teacher' | 'numbers' | 'seed' | 'rows'>,
  student: Outputs,
): LossInputs {
  return {
    labels,
    student,
    scheduledValues: numbers,
    seed,
    ...(teacher && { teacher }),
    ...(rows && { indices: rows }),
  };
}

function accuracy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), tf.cast(labels, 'int32')), 'float32'));
}

/**
 * Throws where the student and the objective do not fit the data; one forward pass that changes
 * nothing. @returns Names of the terms.
 */
export function rehearse(
  { student, objective }: Pick<StepParts, 'student' | 'objective'>,
  feed: Feed,
  classes: number,
): string[] {
  return tf.tidy(() => {
    const outputs = student.forward(feed.images, { training: false });
    const [, logits] = outputs.logits.shape;
    if (outputs.logits.rank !== 2 || logits !== classes) {
      throw expectedError(
        'train',
        `a student with a logit for each of the ${classes} classes`,
        `logits of shape [${outputs.logits.shape.join(', ')}]`,
      );
    }
    const { total, terms } = unmoved(objective.weights, () => objective(stepOf(feed, outputs)));
    const taken = Object.keys(terms).find((name) => RESERVED.includes(name));
    if (taken !== undefined)
      throw expectedError('train', `terms not named ${RESERVED.join(', ')}`, taken);
    for (const [name, value] of Object.entries<tf.Tensor>({ ...terms, total })) {
      if (value.rank !== 0)
        throw expectedError(
          'train',
          `one number for ${name}`,
          `shape [${value.shape.join(', ')}]`,
          'take the mean over the batch',
        );
    }
    return Object.keys(terms);
  });
}

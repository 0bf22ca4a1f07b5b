import {
  type Batch,
  compile,
  type DataLoader,
  ensure,
  expectedError,
  type InferenceNetwork,
  type Network,
  type Outputs,
  type ProcessGroup,
  type Teacher,
} from '@kd/core';
import { shardRange } from '@kd/core/internal';
import * as tf from '@tensorflow/tfjs-core';
import { type EvaluationResult, MetricAccumulator } from './metrics.ts';
import { allGatherColumns } from './processGroup.ts';
import { yieldToEventLoop } from './yieldToEventLoop.ts';

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /**
   * Called with each batch in order. @param logits [batch, classes], row-major, before softmax.
   * @param indices Indices of the images in the whole data set.
   */
  readonly onLogits?: (logits: Float32Array, indices: Int32Array) => void;
  /**
   * Processes that evaluate the other shards of the data: all of them return the result for the
   * whole, and `onLogits` gets the logits of the own shard.
   */
  readonly group?: ProcessGroup | undefined;
  /**
   * A teacher whose answers stand in for the labels of all images: the metrics then compare with
   * it, and `agreement` is present.
   */
  readonly teacher?: Teacher | undefined;
}

/**
 * Evaluates a network or a teacher on all images of a data set that have a label, under view 0. A
 * network runs in inference mode, without gradients; nothing of it changes.
 * @throws RangeError on data without any labelled image, on labels beyond the classes and on logits
 * that are not finite.
 */
export function evaluate(
  model: Network | Teacher,
  data: DataLoader,
  { onLogits, group, teacher }: EvaluateOptions = {},
): Promise<EvaluationResult> {
  return createEvaluator(model, group, teacher)(data, onLogits);
}

/** A prepared `evaluate`. */
export type Evaluator = (
  data: DataLoader,
  onLogits?: EvaluateOptions['onLogits'],
) => Promise<EvaluationResult>;

/** `evaluate` for repeated use: compiled once, with batch normalization folded once per pass. */
export function createEvaluator(
  model: Network | Teacher,
  group?: ProcessGroup,
  teacher?: Teacher,
): Evaluator {
  const answer = teacher === undefined ? undefined : createAnswers(teacher);
  const predictor = createPredictor(model);
  const gather = group === undefined ? undefined : createGather(group);
  return async (data, onLogits) => {
    const metrics = new MetricAccumulator(data.dataset.classNames.length);
    const started = performance.now();
    let images = 0;
    expectShard(data, group);
    predictor.refresh();
    for await (const batch of data.iterateOnce()) {
      const batchImages =
        group === undefined ? batch.indices.length : Math.min(data.batchSize, data.size - images);
      const labels = await answer?.(batch);
      const answered = labels === undefined ? batch : { ...batch, labels };
      const own = batch.indices.length > 0 ? await predictor.predict(answered) : noPredictions();
      try {
        const predictions =
          gather === undefined
            ? await own.predictions.data()
            : await gather(own.predictions, batchImages);
        const { from } = shardRange(batchImages, group);
        addPredictions(metrics, predictions, data, (at) => batch.indices[at - from]);
        if (batch.indices.length > 0)
          onLogits?.((await own.logits.data()) as Float32Array, batch.indices);
      } finally {
        tf.dispose([own.logits, own.predictions, labels ?? []]);
      }
      images += batchImages;
      await yieldToEventLoop();
    }
    ensure(images > 0, 'evaluate', `images in ${data.dataset.name}`, 'none');
    ensure(
      metrics.images > 0,
      'evaluate',
      `images with a label in ${data.dataset.name}`,
      'none',
      'pass teacher: its answers then stand in for the labels',
    );
    const result = metrics.result((performance.now() - started) / 1000);
    return teacher === undefined ? result : { ...result, agreement: result.top1 };
  };
}

/**
 * Evaluates a teacher on a batch, without blocking the event loop if the teacher can. The caller
 * owns the outputs: `disposeOutputs`.
 */
export async function predict(teacher: Teacher, batch: Batch): Promise<Outputs> {
  if (teacher.predictAsync !== undefined) return teacher.predictAsync(batch);
  return tf.tidy(() => {
    const { logits, features } = teacher(batch);
    return { logits, features: { ...features } };
  });
}

/** Returns the classes that a teacher names, int32 [batch]; it is asked for every image once. */
function createAnswers(teacher: Teacher): (batch: Batch) => Promise<tf.Tensor1D> {
  const known = new Map<number, number>();
  return async (batch) => {
    if (batch.indices.some((index) => !known.has(index))) {
      const outputs = await predict(teacher, batch);
      const named = tf.argMax<tf.Tensor1D>(outputs.logits, 1);
      const classes = await named.data();
      for (const [at, index] of batch.indices.entries()) known.set(index, classes[at] as number);
      named.dispose();
      disposeOutputs(outputs);
    }
    return tf.tensor1d(
      batch.indices.map((index) => known.get(index) as number),
      'int32',
    );
  };
}

/** Frees the outputs of a forward pass. */
export function disposeOutputs({ logits, features }: Outputs): void {
  tf.dispose([logits, ...Object.values(features)]);
}

/**
 * A network in inference mode, for compiled functions: its `inference()` form if it has one.
 * `refresh` must be called before every use; the first call folds batch normalization.
 */
export function inferenceForm(network: Network): InferenceNetwork {
  return {
    forward: (images) =>
      network.inference?.().forward(images) ?? network.forward(images, { training: false }),
    refresh: () => network.inference?.().refresh(),
  };
}

/** Logits of a batch and their comparison with the labels; the caller frees both. */
interface BatchPredictions {
  readonly logits: tf.Tensor2D;
  /** [6, batch]: label, predicted class, confidence, cross entropy, rank of the label, classes. */
  readonly predictions: tf.Tensor2D;
}

/** Rows of `BatchPredictions.predictions`. */
const FIELDS = 6;

interface Predictor {
  /** Takes over changed weights; called before every pass. */
  refresh(): void;
  predict(batch: Batch): Promise<BatchPredictions>;
}

/** Takes one compiled call per batch for a network, two for a teacher. */
function createPredictor(model: Network | Teacher): Predictor {
  if (typeof model === 'function') return teacherPredictor(model);
  const { forward, refresh } = inferenceForm(model);
  const run = compile((images: tf.Tensor4D, labels: tf.Tensor1D) =>
    tf.tidy(() => {
      const { logits } = forward(images);
      return { logits, predictions: comparePredictions(logits, labels) };
    }),
  );
  return { refresh, predict: ({ images, labels }) => run.callAsync(images, labels) };
}

function teacherPredictor(teacher: Teacher): Predictor {
  const run = compile((logits: tf.Tensor2D, labels: tf.Tensor1D) =>
    comparePredictions(logits, labels),
  );
  return {
    refresh: () => {},
    async predict(batch) {
      const { logits, features } = await predict(teacher, batch);
      tf.dispose(Object.values(features));
      try {
        return { logits, predictions: await run.callAsync(logits, batch.labels) };
      } catch (error) {
        logits.dispose();
        throw error;
      }
    },
  };
}

/** One small tensor to read back. */
function comparePredictions(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor2D {
  return tf.tidy(() => {
    const classes = logits.shape[1];
    const oneHot = tf.cast(tf.oneHot(labels, classes), 'float32');
    const logProbabilities = tf.logSoftmax(logits);
    const labelLogit = tf.sum(tf.mul(oneHot, logits), 1, true);
    const lowerClass = tf.less(
      tf.range(0, classes, 1, 'float32'),
      tf.expandDims(tf.cast(labels, 'float32'), 1),
    );
    const rankedBefore = tf.logicalOr(
      tf.greater(logits, labelLogit),
      tf.logicalAnd(tf.equal(logits, labelLogit), lowerClass),
    );
    return tf.stack([
      tf.cast(labels, 'float32'),
      tf.cast(tf.argMax(logits, 1), 'float32'),
      tf.exp(tf.max(logProbabilities, 1)),
      tf.neg(tf.sum(tf.mul(oneHot, logProbabilities), 1)),
      tf.sum(tf.cast(rankedBefore, 'float32'), 1),
      tf.fill([logits.shape[0]], classes),
    ]) as tf.Tensor2D;
  });
}

/** Predictions of a shard without images. */
function noPredictions(): BatchPredictions {
  return { logits: tf.zeros([0, 0]), predictions: tf.zeros([FIELDS, 0]) };
}

function expectShard({ shard, dataset }: DataLoader, group: ProcessGroup | undefined): void {
  ensure(
    shard?.rank === group?.rank && shard?.size === group?.size,
    'evaluate',
    `${dataset.name} whole without a group, and in a group this process's shard of it`,
    shard ?? 'the whole',
    'pass group: engine.group',
  );
}

/** Gathers the predictions of all shards; takes those of the own one and the size of the batch. */
function createGather(
  group: ProcessGroup,
): (own: tf.Tensor2D, count: number) => Promise<ArrayLike<number>> {
  // The size of the batch is the shape of an argument, so that each size is compiled by itself.
  const gather = compile((own: tf.Tensor2D, all: tf.Tensor1D) =>
    allGatherColumns(group, own, all.size),
  );
  return async (own, count) => {
    const all = tf.zeros<tf.Rank.R1>([count]);
    const gathered = await gather.callAsync(own, all);
    const predictions = await gathered.data();
    tf.dispose([all, gathered]);
    return predictions;
  };
}

/** @param indexAt Index of an image of the batch, if it is in this shard. */
function addPredictions(
  metrics: MetricAccumulator,
  predictions: ArrayLike<number>,
  { dataset }: DataLoader,
  indexAt: (at: number) => number | undefined,
): void {
  const count = predictions.length / FIELDS;
  const classes = metrics.confusion.length;
  for (let at = 0; at < count; at++) {
    const field = (index: number): number => predictions[index * count + at] as number;
    const [label, outputs, loss] = [field(0), field(5), field(3)];
    const image = () => `image ${indexAt(at) ?? 'of another process'} of ${dataset.name}`;
    if (outputs !== classes)
      throw expectedError(
        'evaluate',
        `a logit for each of the ${classes} classes of ${dataset.name}`,
        outputs,
      );
    if (label < -1 || label >= classes)
      throw expectedError('evaluate', `labels from 0 to ${classes - 1}`, `${label} for ${image()}`);
    if (!Number.isFinite(loss))
      throw expectedError(
        'evaluate',
        'finite logits',
        `a loss of ${loss} for ${image()}`,
        'the network has diverged',
      );
    if (label === -1) metrics.addUnlabelled();
    else metrics.add({ label, predicted: field(1), confidence: field(2), loss, rank: field(4) });
  }
}

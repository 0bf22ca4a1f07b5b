import { assertShape, ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertLabels } from '../shared/checks.ts';
import { isLabelled, labelMask, meanOverLabelled } from '../shared/labels.ts';

/** Options of the cross entropy. */
export interface CrossEntropyOptions {
  /** Share ε of the probability that is taken from the label, 0 ≤ ε < 1; 0. */
  readonly smoothing?: number;
  /**
   * The classes that the share is spread over: ε/classes to all, the label included (PyTorch, the
   * default), or ε/(classes − 1) to each of the others (Tf-KD). The second with ε equals the first
   * with ε·classes/(classes − 1).
   */
  readonly spread?: 'all classes' | 'other classes';
  /**
   * Weight of every class, [classes], ≥ 0 and not all 0, as PyTorch's `weight`:
   * `balancedClassWeights(countClasses(train))` for classes of unequal size. All are 1 by default.
   */
  readonly classWeights?: readonly number[];
}

/**
 * Cross entropy with the labels or with soft targets, optionally smoothed and weighted by class.
 *
 * −Σ_c w_c · q_c · log p_c, p = softmax(logits), q = (1 − ε) · t + ε/C, t = 1 at the label and 0
 * elsewhere, or the targets. An image without a label has the loss 0.
 * @param logits [batch, classes], before softmax; finite in value and gradient up to |logit| = 1e3
 * and beyond.
 * @param labels int32 [batch], 0 ≤ label < classes, or −1 for an image without a label (the data
 * package checks the range; any other number counts as no class); or soft targets, float32 [batch,
 * classes], whose rows add up to 1, or are 0 for an image without a label.
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError for shapes that do not match, for smoothing outside [0, 1), and for class
 * weights of another number, below 0, or all 0.
 * Source: torch.nn.CrossEntropyLoss, with class indices and with probabilities.
 */
export function crossEntropyPerExample(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  options?: CrossEntropyOptions,
): tf.Tensor1D;
export function crossEntropyPerExample(
  logits: tf.Tensor2D,
  targets: tf.Tensor2D,
  options?: CrossEntropyOptions,
): tf.Tensor1D;
export function crossEntropyPerExample(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D | tf.Tensor2D,
  options: CrossEntropyOptions = {},
): tf.Tensor1D {
  assertLabelsOrTargets(logits, labels);
  const classes = logits.shape[1];
  const { classWeights } = options;
  const { onLabel, elsewhere } = smoothTargets(options, classes);
  if (classWeights !== undefined) assertClassWeights(classWeights, classes);
  return tf.tidy(() => {
    const targets =
      labels.rank === 2 ? (labels as tf.Tensor2D) : labelMask(labels as tf.Tensor1D, classes);
    const smoothed =
      elsewhere === 0 ? targets : tf.add(tf.mul(targets, onLabel - elsewhere), elsewhere);
    const weightedTargets =
      classWeights === undefined ? smoothed : tf.mul(smoothed, tf.tensor1d([...classWeights]));
    const loss = tf.neg<tf.Tensor1D>(tf.sum(tf.mul(weightedTargets, tf.logSoftmax(logits)), 1));
    // Without smoothing the targets of an image without a label are 0 already.
    return elsewhere === 0 ? loss : tf.mul(loss, isLabelled(labels));
  });
}

/**
 * Cross entropy with the labels, or with `step.targets` where images were mixed.
 *
 * The mean over the images that have a label, as PyTorch's with `ignore_index: -1`, and 0 if none
 * has; with `classWeights` and labels the weighted mean Σ w_label · loss / Σ w_label (with targets,
 * as in PyTorch, Σ loss / labelled images). In a group of processes the mean is over the whole
 * batch.
 */
export function crossEntropy(options: CrossEntropyOptions = {}): LossTerm {
  assertSmoothing(options.smoothing ?? 0);
  const { classWeights } = options;
  if (classWeights !== undefined) assertClassWeights(classWeights, classWeights.length);
  return ({ student, labels, targets, sumOverShards }) =>
    tf.tidy(() => {
      const examples =
        targets === undefined
          ? crossEntropyPerExample(student.logits, labels, options)
          : crossEntropyPerExample(student.logits, targets, options);
      const weights =
        classWeights === undefined || targets !== undefined
          ? isLabelled(targets ?? labels)
          : tf.sum<tf.Tensor1D>(
              tf.mul(labelMask(labels, classWeights.length), tf.tensor1d([...classWeights])),
              1,
            );
      return meanOverLabelled(examples, weights, sumOverShards);
    });
}

/**
 * Weights that let every class count the same in total: images / (classes · images of the class),
 * where classes without an image are left out of the number of classes and have the weight 0.
 * @param counts Number of images of every class, [classes], whole numbers ≥ 0:
 * `countClasses(train)` of @kd/data.
 * @returns [classes]; their mean over the images is 1.
 * @throws RangeError on other counts, and without any image.
 * Source: scikit-learn, `compute_class_weight('balanced')`.
 */
export function balancedClassWeights(counts: readonly number[]): number[] {
  const isCount = (count: number): boolean => Number.isSafeInteger(count) && count >= 0;
  ensure(
    counts.every(isCount) && counts.some((count) => count > 0),
    'balancedClassWeights',
    'whole numbers of images ≥ 0, not all 0',
    counts,
  );
  const images = counts.reduce((sum, count) => sum + count, 0);
  const classes = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count === 0 ? 0 : images / (classes * count)));
}

function assertLabelsOrTargets(logits: tf.Tensor2D, labels: tf.Tensor1D | tf.Tensor2D): void {
  if (labels.rank === 2 && labels.dtype === 'float32') {
    assertShape('crossEntropy', 'logits [batch, classes]', logits, [null, null]);
    assertShape('crossEntropy', 'targets [batch, classes]', labels, logits.shape);
  } else {
    assertLabels('crossEntropy', logits, labels as tf.Tensor1D);
  }
}

function assertClassWeights(weights: readonly number[], classes: number): void {
  ensure(
    weights.length === classes,
    'crossEntropy',
    `a class weight for each of the ${classes} classes`,
    weights.length,
  );
  const areWeights = weights.every((weight) => weight >= 0 && weight < Infinity);
  ensure(
    areWeights && weights.some((weight) => weight > 0),
    'crossEntropy',
    'class weights ≥ 0, not all 0',
    weights,
    'balancedClassWeights(counts) makes them',
  );
}

function smoothTargets(
  { smoothing = 0, spread = 'all classes' }: CrossEntropyOptions,
  classes: number,
): { onLabel: number; elsewhere: number } {
  assertSmoothing(smoothing);
  switch (spread) {
    case 'all classes':
      return { onLabel: 1 - smoothing + smoothing / classes, elsewhere: smoothing / classes };
    case 'other classes':
      ensure(
        classes > 1,
        'crossEntropy',
        "at least 2 classes with spread 'other classes'",
        classes,
      );
      return { onLabel: 1 - smoothing, elsewhere: smoothing / (classes - 1) };
    default:
      throw expectedError(
        'crossEntropy',
        "spread 'all classes' or 'other classes'",
        spread satisfies never,
      );
  }
}

function assertSmoothing(smoothing: number): void {
  ensure(
    smoothing >= 0 && smoothing < 1,
    'crossEntropy',
    'smoothing in [0, 1)',
    smoothing,
    '0.1 is usual',
  );
}

import { expectedError } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/** Quality of a network on the labelled images of a data set; fractions are 0–1. */
export interface Metrics {
  /** Fraction of images whose largest logit is that of the label. */
  readonly top1: number;
  /** Fraction of images whose label is among the min(5, classes) largest logits. */
  readonly top5: number;
  /** Mean cross entropy, nats. */
  readonly loss: number;
  /** Expected calibration error: Σ over 15 bins (n_b / n) · |accuracy_b − mean confidence_b|. */
  readonly calibrationError: number;
  /**
   * Mean of the recall of all classes that occur: every class counts the same, however rare it is.
   */
  readonly balancedAccuracy: number;
  /**
   * Fraction of images for which model and teacher name the same class: present if the teacher's
   * answers stood in for the labels, and then equal to `top1`.
   */
  readonly agreement?: number;
  /** Number of images with a label. */
  readonly images: number;
  /** Number of images without a label, which count nowhere; absent if there are none. */
  readonly unlabelled?: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** Metrics with those of every class. */
export interface EvaluationResult extends Metrics {
  /** [label][predicted class], number of images. */
  readonly confusion: readonly (readonly number[])[];
  /** [classes], fraction of the images of a class that are classified correctly; null: no image. */
  readonly recall: readonly (number | null)[];
}

/** Prediction for one image, compared with its label. */
export interface Prediction {
  readonly label: number;
  readonly predicted: number;
  /** Largest probability. */
  readonly confidence: number;
  /** Cross entropy, nats. */
  readonly loss: number;
  /** Number of classes with a larger logit than the label's; 0 for a correct prediction. */
  readonly rank: number;
}

const BINS = 15;

/**
 * Adds predictions up to metrics. The expected calibration error has 15 bins of equal width
 * (l/15, (l + 1)/15] of confidence.
 * Source: Guo et al. 2017, section 2.
 */
export class MetricAccumulator {
  readonly confusion: number[][];
  readonly #bins = Array.from({ length: BINS }, () => ({ right: 0, confidence: 0 }));
  #images = 0;
  #unlabelled = 0;
  #top1 = 0;
  #top5 = 0;
  #loss = 0;

  constructor(classes: number) {
    this.confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  }

  add({ label, predicted, confidence, loss, rank }: Prediction): void {
    const right = rank === 0 ? 1 : 0;
    const counts = this.confusion[label] as number[];
    counts[predicted] = (counts[predicted] as number) + 1;
    const bin = this.#bins[Math.min(BINS, Math.max(1, Math.ceil(confidence * BINS))) - 1] as {
      right: number;
      confidence: number;
    };
    bin.right += right;
    bin.confidence += confidence;
    this.#images += 1;
    this.#top1 += right;
    this.#top5 += rank < 5 ? 1 : 0;
    this.#loss += loss;
  }

  /** Number of images with a label so far. */
  get images(): number {
    return this.#images;
  }

  /** Counts an image without a label. */
  addUnlabelled(): void {
    this.#unlabelled += 1;
  }

  /** @param seconds Duration of the whole evaluation. */
  result(seconds: number): EvaluationResult {
    const gap = this.#bins.reduce(
      (sum, { right, confidence }) => sum + Math.abs(right - confidence),
      0,
    );
    const [images, unlabelled] = [this.#images, this.#unlabelled];
    const recall = this.confusion.map((counts, label) => {
      const count = counts.reduce((sum, one) => sum + one, 0);
      return count === 0 ? null : (counts[label] as number) / count;
    });
    const known = recall.filter((one) => one !== null);
    return {
      top1: this.#top1 / images,
      top5: this.#top5 / images,
      loss: this.#loss / images,
      calibrationError: gap / images,
      balancedAccuracy: known.reduce((sum, one) => sum + one, 0) / known.length,
      confusion: this.confusion,
      recall,
      images,
      ...(unlabelled === 0 ? {} : { unlabelled }),
      seconds,
      imagesPerSecond: (images + unlabelled) / seconds,
    };
  }
}

/** Which images of a data set have labels. */
export type LabelledImages = 'all' | 'some' | 'none';

const comparisons = ['accuracy', 'labelled', 'agreement'] as const;

/**
 * A metric of a step beside its losses, as a fraction of the images: those classified as their
 * labels, those with a label, and those classified as the teacher does.
 */
export type Comparison = (typeof comparisons)[number];

/** True for the name of a comparison. */
export function isComparison(name: string): name is Comparison {
  return (comparisons as readonly string[]).includes(name);
}

/** Names that loss terms cannot have, since the running metrics use them. */
export const RESERVED_METRICS = ['total', ...comparisons, 'gradientNorm'];

/**
 * Names of a step's metrics in order. The total comes after the terms, so that the error on a value
 * that is not finite names the term that caused it.
 */
export function metricNames(
  terms: readonly string[],
  clipNorm: number | undefined,
  compared: readonly Comparison[] = ['accuracy'],
): string[] {
  return [...terms, 'total', ...compared, ...(clipNorm === undefined ? [] : ['gradientNorm'])];
}

/** Metrics of an epoch so far. */
export interface MetricValues {
  readonly images: number;
  /** Means over the images, by name. */
  readonly means: Readonly<Record<string, number>>;
}

/**
 * Running sums of an epoch that stay on the device: every step adds to them, and they are read back
 * now and then. Beside each sum is the first step whose value was not finite.
 */
export class RunningMetrics {
  readonly names: readonly string[];
  /** Saved with a checkpoint as `epoch.sums` and `epoch.brokenAt`. */
  readonly weights: { readonly sums: tf.Variable; readonly brokenAt: tf.Variable };

  /**
   * @param names Names of the values in the order in which `add` gets them. If several values are
   * not finite in the same step, the error names the first.
   */
  constructor(names: readonly string[]) {
    this.names = names;
    this.weights = tf.tidy(() => ({
      sums: tf.variable(tf.zeros([names.length]), false),
      brokenAt: tf.variable(tf.zeros([names.length]), false),
    }));
  }

  /**
   * Adds the values of one step; uses tensors only, since it is part of the compiled step.
   * @param values [names], means over a batch. @param images Number of images in the batch.
   * @param step Number of the step in its epoch, from 1.
   */
  add(values: tf.Tensor1D, images: number | tf.Scalar, step: tf.Scalar): void {
    const { sums, brokenAt } = this.weights;
    tf.tidy(() => {
      sums.assign(tf.add(sums, tf.mul(values, images)));
      const breaksNow = tf.logicalAnd(tf.equal(brokenAt, 0), tf.logicalNot(tf.isFinite(values)));
      brokenAt.assign(tf.where(breaksNow, tf.mul(tf.onesLike(brokenAt), step), brokenAt));
    });
  }

  /**
   * Reads the means back.
   * @param images Number of images added so far. @param epoch Named in the message, from 1.
   * @throws RangeError that names the first value that was not finite, and its step.
   */
  async read(images: number, epoch: number): Promise<MetricValues> {
    const [sums, brokenAt] = await Promise.all([
      this.weights.sums.data(),
      this.weights.brokenAt.data(),
    ]);
    const firstStep = Math.min(...Array.from(brokenAt).filter((step) => step > 0));
    const at = brokenAt.indexOf(firstStep);
    if (at >= 0) {
      throw expectedError(
        'train',
        'every loss term to stay finite',
        `${this.names[at]} = ${sums[at]} at epoch ${epoch}, step ${firstStep}`,
        'lower the learning rate or clip gradients (clipNorm: 1)',
      );
    }
    return {
      images,
      means: Object.fromEntries(
        this.names.map((name, index) => [name, (sums[index] as number) / images]),
      ),
    };
  }

  /** Starts the next epoch. */
  clear(): void {
    const { sums, brokenAt } = this.weights;
    tf.tidy(() => {
      sums.assign(tf.zeros(sums.shape));
      brokenAt.assign(tf.zeros(brokenAt.shape));
    });
  }

  dispose(): void {
    tf.dispose(Object.values(this.weights));
  }
}

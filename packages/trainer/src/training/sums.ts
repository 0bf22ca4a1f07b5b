import { expectedError } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/** What an epoch has added up so far. */
export interface SumsRead {
  readonly images: number;
  /** Means over the pictures, by name. */
  readonly means: Readonly<Record<string, number>>;
}

/**
 * Running sums of an epoch that stay on the device: a step adds to them, and nothing is read back
 * but now and then.
 * Beside each sum stands the first step whose value was not finite.
 */
export class RunningSums {
  readonly names: readonly string[];
  readonly weights: { readonly sums: tf.Variable; readonly brokenAt: tf.Variable };

  /**
   * @param names Of the values, in the order in which `add` gets them; the first that is not finite
   * gives the error its name.
   */
  constructor(names: readonly string[]) {
    this.names = names;
    this.weights = tf.tidy(() => ({
      sums: tf.variable(tf.zeros([names.length]), false),
      brokenAt: tf.variable(tf.zeros([names.length]), false),
    }));
  }

  /**
   * @param values [names], means over a batch. @param images In the batch. @param step Number of
   * the step in its epoch, from 1. Only tensors: part of a compiled step.
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
   * @param images Added so far. @param epoch For the message, from 1.
   * @throws RangeError that names the first value that was not finite, and its step.
   */
  async read(images: number, epoch: number): Promise<SumsRead> {
    const [sums, brokenAt] = await Promise.all([
      this.weights.sums.data(),
      this.weights.brokenAt.data(),
    ]);
    const first = Math.min(...Array.from(brokenAt).filter((step) => step > 0));
    const at = brokenAt.indexOf(first);
    if (at >= 0) {
      const got = `${this.names[at]} = ${sums[at]} at epoch ${epoch}, step ${first}`;
      throw expectedError(
        'train',
        'every loss term to stay finite',
        got,
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

  /** For the next epoch. */
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

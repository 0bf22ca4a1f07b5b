import { expectedError } from '@kd/core';
import { formatPercent } from '@kd/core/internal';

/** How the weights of a file are stored. */
export type WeightKind = 'float32' | 'float16' | 'int8';

/** How well the answers of a file agree with those of its network. */
export interface Agreement {
  /** Images that both answered. */
  readonly images: number;
  /** The largest |difference| of an answer: of logits, or of probabilities. */
  readonly largestChange: number;
  /** The largest |answer| of the network, at least 1: what the change is measured by. */
  readonly scale: number;
  /** Share of the images with the same class. */
  readonly sameClass: number;
  /** Shares of the images whose class is their label. */
  readonly accuracy: number;
  readonly networkAccuracy: number;
}

/** What is demanded of a file. */
export interface AgreementLimits {
  /** Most of `largestChange / scale`; absent: any, the classes decide. */
  readonly change?: number;
  /** Least of `sameClass`. */
  readonly sameClass: number;
  /** Most of `networkAccuracy − accuracy`. */
  readonly accuracyLoss: number;
}

/**
 * The limits for each kind of weights. Halves have 11 bits, so that logits move by some thousandths
 * of the largest. In 8 bits single logits move far more, and what counts are the classes.
 */
export const agreementLimits: Readonly<Record<WeightKind, AgreementLimits>> = {
  float32: { change: 1e-3, sameClass: 0.999, accuracyLoss: 0.001 },
  float16: { change: 1e-2, sameClass: 0.99, accuracyLoss: 0.005 },
  int8: { sameClass: 0.95, accuracyLoss: 0.01 },
};

/** Answers of a file for some images, compared with those of its network. */
export interface Comparison {
  /** Adds the answers for images. @param first Number of the first of them. */
  add(answers: Float32Array, first: number): void;
  readonly result: Agreement;
  /** [images × classes], the answers of the file, as far as they have been added. */
  readonly answers: Float32Array;
}

/**
 * Compares answers with those of a network.
 * @param expected [images × classes], the answers of the network.
 * @param labels [images].
 */
export function compareAnswers(
  expected: Float32Array,
  labels: ArrayLike<number>,
  caller: string,
): Comparison {
  const images = labels.length;
  const classes = expected.length / images;
  const given = new Float32Array(expected.length);
  const isGiven = new Uint8Array(images);
  const state = { change: 0, scale: 1 };
  return {
    add(answers, first) {
      const rows = answers.length / classes;
      if (!Number.isInteger(rows))
        throw expectedError(caller, `${classes} answers for each image`, answers.length);
      for (let row = 0; row < rows; row++) {
        const own = answers.subarray(row * classes, (row + 1) * classes);
        const start = (first + row) * classes;
        for (const [at, value] of own.entries()) {
          const wanted = expected[start + at] as number;
          const change = Math.abs(value - wanted);
          state.change = Number.isNaN(change)
            ? Number.POSITIVE_INFINITY
            : Math.max(state.change, change);
          state.scale = Math.max(state.scale, Math.abs(wanted));
        }
        given.set(own, start);
        isGiven[first + row] = 1;
      }
    },
    get result() {
      const counts = { images: 0, same: 0, right: 0, networkRight: 0 };
      for (let image = 0; image < images; image++) {
        if (isGiven[image] === 0) continue;
        const row = [image * classes, (image + 1) * classes] as const;
        const own = largest(given.subarray(...row));
        const theirs = largest(expected.subarray(...row));
        counts.images++;
        if (own === theirs) counts.same++;
        if (own === labels[image]) counts.right++;
        if (theirs === labels[image]) counts.networkRight++;
      }
      return {
        images: counts.images,
        largestChange: state.change,
        scale: state.scale,
        sameClass: counts.same / counts.images,
        accuracy: counts.right / counts.images,
        networkAccuracy: counts.networkRight / counts.images,
      };
    },
    answers: given,
  };
}

/** Returns the index of the largest value, the first of equals; of a NaN where there is one. */
export function largest(values: Float32Array): number {
  let best = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    if (Number.isNaN(value)) return at;
    if (value > (values[best] as number)) best = at;
  }
  return best;
}

/**
 * Says by how much a file disagrees. One image of few may always have another class, and be lost.
 * @returns undefined where it agrees.
 */
export function explainDisagreement(agreement: Agreement, weights: WeightKind): string | undefined {
  const { images, largestChange, scale, sameClass, accuracy, networkAccuracy } = agreement;
  const limits = agreementLimits[weights];
  const moved = (1 - sameClass) * images;
  const lost = (networkAccuracy - accuracy) * images;
  const reasons: string[] = [];
  if (!Number.isFinite(largestChange)) reasons.push('answers that are no numbers');
  else if (limits.change !== undefined && largestChange > limits.change * scale)
    reasons.push(
      `answers that move by ${largestChange.toPrecision(3)} (at most ${(limits.change * scale).toPrecision(3)})`,
    );
  if (moved > allowed(1 - limits.sameClass, images))
    reasons.push(
      `the same class for ${formatPercent(sameClass, 2)} of ${images} images (at least ${formatPercent(limits.sameClass)})`,
    );
  if (lost > allowed(limits.accuracyLoss, images))
    reasons.push(
      `${formatPercent(accuracy, 2)} right, the network ${formatPercent(networkAccuracy, 2)} (at most ${(100 * limits.accuracyLoss).toFixed(1)} points less)`,
    );
  return reasons.length === 0 ? undefined : reasons.join('; ');
}

/** Number of images, which rounding must not turn into one less. */
function allowed(share: number, images: number): number {
  return Math.max(1, Math.round(share * images)) + 1e-6;
}

/** How good a network is on some pictures; fractions are 0–1. */
export interface Metrics {
  /** Fraction whose largest logit is the label's. */
  readonly top1: number;
  /** Fraction whose label is among the min(5, classes) largest logits. */
  readonly top5: number;
  /** Mean cross entropy, nats. */
  readonly loss: number;
  /** Expected calibration error: Σ over 15 bins (n_b / n) · |accuracy_b − mean confidence_b|. */
  readonly calibrationError: number;
  readonly images: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** Scores, and who is taken for whom. */
export interface EvaluationResult extends Metrics {
  /** [truth][predicted], pictures. */
  readonly confusion: readonly (readonly number[])[];
}

/** Of one picture. */
export interface Judgement {
  readonly truth: number;
  readonly predicted: number;
  /** Largest probability. */
  readonly confidence: number;
  /** Cross entropy, nats. */
  readonly loss: number;
  /** How many classes come before the true one. */
  readonly rank: number;
}

const BINS = 15;

/**
 * Adds judgements up. Expected calibration error over 15 bins of equal width (l/15, (l + 1)/15] of
 * confidence.
 * Source: Guo et al. 2017, section 2.
 */
export class Tally {
  readonly confusion: number[][];
  readonly #bins = Array.from({ length: BINS }, () => ({ right: 0, confidence: 0 }));
  #images = 0;
  #top1 = 0;
  #top5 = 0;
  #loss = 0;

  constructor(classes: number) {
    this.confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  }

  add({ truth, predicted, confidence, loss, rank }: Judgement): void {
    const right = rank === 0 ? 1 : 0;
    const row = this.confusion[truth] as number[];
    row[predicted] = (row[predicted] as number) + 1;
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

  /** @param seconds That all of it took. */
  evaluation(seconds: number): EvaluationResult {
    const gap = this.#bins.reduce(
      (sum, { right, confidence }) => sum + Math.abs(right - confidence),
      0,
    );
    const images = this.#images;
    return {
      top1: this.#top1 / images,
      top5: this.#top5 / images,
      loss: this.#loss / images,
      calibrationError: gap / images,
      confusion: this.confusion,
      images,
      seconds,
      imagesPerSecond: images / seconds,
    };
  }
}

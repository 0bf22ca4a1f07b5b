import { ensure } from '../errors.ts';

export interface PlateauOptions {
  /** By which the rate is multiplied each time, 0 < factor < 1; 0.1. */
  readonly factor?: number;
  /**
   * Epochs in a row that may bring nothing better, a whole number ≥ 0; the one after them reduces.
   * 10.
   */
  readonly patience?: number;
  /** Share of the best value so far that one has to be better by, ≥ 0; 1e-4. */
  readonly threshold?: number;
  /** Whether lower values are better (losses, the default) or higher ones (accuracies). */
  readonly better?: 'lower' | 'higher';
}

/**
 * A factor for the learning rate from what epochs have brought so far: smaller each time nothing
 * gets better for a while, as PyTorch's `ReduceLROnPlateau`
 * (relative threshold, no cooldown). A function of the values alone, so that a resumed training
 * goes on with the same factor:
 * `train({ …, learningRateFactor: (history) => factorOf(history.map(({ validation }) =>
 * validation.loss)) })`.
 * @returns Takes the values of all epochs, in order.
 * @throws RangeError on options out of range.
 */
export function reduceOnPlateau(
  options: PlateauOptions = {},
): (values: readonly number[]) => number {
  const { factor = 0.1, patience = 10, threshold = 1e-4, better = 'lower' } = options;
  ensure(factor > 0 && factor < 1, 'reduceOnPlateau', '0 < factor < 1', factor, '0.1 is usual');
  ensure(
    Number.isInteger(patience) && patience >= 0,
    'reduceOnPlateau',
    'patience as a whole number ≥ 0',
    patience,
    '10 is usual',
  );
  ensure(
    threshold >= 0 && Number.isFinite(threshold),
    'reduceOnPlateau',
    'threshold ≥ 0',
    threshold,
    '1e-4 is usual',
  );
  const isBetter = betterThan(better, threshold);
  return (values) => {
    let [product, bad, best] = [
      1,
      0,
      better === 'lower' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY,
    ];
    for (const value of values) {
      if (isBetter(value, best)) [best, bad] = [value, 0];
      else bad += 1;
      if (bad > patience) [product, bad] = [product * factor, 0];
    }
    return product;
  };
}

function betterThan(
  better: 'lower' | 'higher',
  threshold: number,
): (value: number, best: number) => boolean {
  switch (better) {
    case 'lower':
      return (value, best) => value < best * (1 - threshold);
    case 'higher':
      return (value, best) => value > best * (1 + threshold);
    default:
      return better satisfies never;
  }
}

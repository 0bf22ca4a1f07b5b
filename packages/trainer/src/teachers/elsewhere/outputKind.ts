import { ensure } from '@kd/core';

/** What a model's output holds: values before softmax, or those after it. */
export type OutputKind = 'logits' | 'probabilities';

/**
 * The smallest normal float32. A probability that was rounded to 0 is taken for it: its logarithm
 * would be −∞, and devices round what is smaller to 0.
 */
export const SMALLEST = 2 ** -126;

/**
 * Throws where numbers are not of the kind that they are said to be: rows of probabilities are 0–1
 * and add up to 1, and logits do not.
 * @param values [rows, classes], row-major.
 */
export function expectKind(
  caller: string,
  values: Float32Array,
  classes: number,
  kind: OutputKind,
): void {
  ensure(classes >= 2, caller, 'two classes or more', classes);
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  ensure(
    wrong < 0,
    caller,
    `finite ${kind}`,
    `${values[wrong]} in row ${Math.floor(wrong / classes)}`,
  );
  const strange = firstNoProbabilities(values, classes);
  if (kind === 'probabilities') {
    const got =
      strange === undefined
        ? ''
        : Array.from(values.subarray(strange * classes, strange * classes + Math.min(classes, 4)));
    ensure(
      strange === undefined,
      caller,
      'probabilities that add up to 1',
      got,
      "if these are logits, say outputs: 'logits'",
    );
    return;
  }
  const remedy = "take the output before the softmax, or say outputs: 'probabilities'";
  ensure(
    strange !== undefined || values.length === 0,
    caller,
    'logits',
    'rows that are 0–1 and add up to 1',
    remedy,
  );
}

/** The first row that is none; half precision adds up to 1 within 1e-2. */
function firstNoProbabilities(values: Float32Array, classes: number): number | undefined {
  for (let row = 0; row * classes < values.length; row++) {
    let sum = 0;
    for (let at = row * classes; at < (row + 1) * classes; at++) {
      const value = values[at] as number;
      if (value < 0 || value > 1.01) return row;
      sum += value;
    }
    if (Math.abs(sum - 1) > 1e-2) return row;
  }
  return undefined;
}

/** ln p, which are logits of p: softmax gives p back. In place. */
export function logarithms(probabilities: Float32Array): void {
  for (let at = 0; at < probabilities.length; at++)
    probabilities[at] = Math.log(Math.max(probabilities[at] as number, SMALLEST));
}

/**
 * Softened probabilities of one picture. @param logits [classes]. @param temperature > 0. @returns
 * [classes], summing to 1.
 */
export function softmax(logits: Float32Array, temperature: number): Float64Array {
  const most = Math.max(...logits);
  const powers = Float64Array.from(logits, (logit) => Math.exp((logit - most) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** The answer: where the largest value is, the first of equals. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let at = 1; at < values.length; at++)
    if ((values[at] as number) > (values[best] as number)) best = at;
  return best;
}

/** The second largest. */
export function secondOf(values: Float64Array): number {
  return Float64Array.from(values).sort().at(-2) ?? 0;
}

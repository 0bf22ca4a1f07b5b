/** Turns logits into probabilities, softened by a temperature > 0. @returns [classes]. */
export function softmax(logits: ArrayLike<number>, temperature = 1): number[] {
  const largest = Math.max(...Array.from(logits));
  const powers = Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

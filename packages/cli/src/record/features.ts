/** Name and folder of what a body from elsewhere says of the views of a seed. */
export function featuresStage(seed: number): string {
  return `features-${seed}`;
}

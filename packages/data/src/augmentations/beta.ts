import { hashName, normal, uniform } from '@kd/core';

/**
 * Draws from the distribution Beta(alpha, alpha), which is symmetric about ½: near 0 or 1 for a
 * small alpha, uniform for 1.
 *
 * It is x / (x + y) of two Gamma(alpha) numbers, whose logarithms are drawn, since for a small
 * alpha
 * both of them underflow.
 * @param alpha > 0. @param seed Any unsigned 32-bit integer. @returns 0–1.
 */
export function drawBeta(alpha: number, seed: number): number {
  const difference = drawLogGamma(alpha, seed, first) - drawLogGamma(alpha, seed, second);
  return 1 / (1 + Math.exp(-difference));
}

/** Random streams of one of the two numbers. */
interface Streams {
  readonly normals: number;
  readonly acceptance: number;
  readonly boost: number;
}

// The names of the random streams: others would give other mixtures.
const [first, second] = ['beta x', 'beta y'].map((name) => ({
  normals: hashName(name),
  acceptance: hashName(`${name} accept`),
  boost: hashName(`${name} boost`),
})) as [Streams, Streams];

/**
 * Draws the logarithm of a number from Gamma(alpha).
 * Source: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000; for
 * alpha < 1 their last section: Gamma(alpha + 1) · U^(1 / alpha).
 */
function drawLogGamma(alpha: number, seed: number, streams: Streams): number {
  const boost = alpha < 1 ? Math.log(1 - uniform(seed, streams.boost, 0)) / alpha : 0;
  const d = (alpha < 1 ? alpha + 1 : alpha) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let attempt = 0; ; attempt++) {
    const x = normal(seed, streams.normals, attempt);
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root ** 3;
    const u = 1 - uniform(seed, streams.acceptance, attempt);
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v) + boost;
  }
}

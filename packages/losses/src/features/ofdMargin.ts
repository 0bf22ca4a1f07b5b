import { ensure } from '@kd/core';

/** A teacher that is on less often than that has the margin −3 deviations. */
const seldom = 0.001;

/**
 * The margins of `ofd`, from the teacher's batch norm before the ReLU: what a channel is on average
 * where it is off.
 *
 * E[x | x < 0] of x ~ N(offset, scale²): offset − |scale| · φ(z) / Φ(z), z = −offset / |scale|; −3
 * · |scale| where Φ(z) ≤ 0.001
 * @param scale Of the batch norm, a number for each channel:
 * `teacher.weights['stage3.block2.bn2.scale'].dataSync()`.
 * @param offset Of the batch norm.
 * @returns A margin ≤ 0 for each channel.
 * Source: Heo et al., "A comprehensive overhaul of feature distillation" (2019), section 3;
 * `get_margin_from_BN` of its code.
 */
export function ofdMargin(scale: ArrayLike<number>, offset: ArrayLike<number>): number[] {
  ensure(scale.length === offset.length, 'ofdMargin', 'as many scales as offsets', [
    scale.length,
    offset.length,
  ]);
  return Array.from(scale, (signed, channel) => {
    const [mean, deviation] = [offset[channel] as number, Math.abs(signed)];
    if (deviation === 0) return Math.min(mean, 0);
    const z = -mean / deviation;
    const below = cumulative(z);
    return below > seldom ? mean - (deviation * density(z)) / below : -3 * deviation;
  });
}

function density(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/**
 * Φ(z) = 1/2 + φ(z) · (z + z³/3 + z⁵/(3·5) + …), which converges everywhere and is exact to 1e-13
 * where it is more than `seldom`.
 */
function cumulative(z: number): number {
  if (Math.abs(z) > 8) return z > 0 ? 1 : 0;
  let [sum, term] = [0, z];
  for (let odd = 3; Math.abs(term) > 1e-17; odd += 2) {
    sum += term;
    term *= (z * z) / odd;
  }
  return 0.5 + density(z) * sum;
}

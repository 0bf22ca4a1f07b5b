import type { Histogram, Range } from './histogram.ts';

/**
 * The range that leaves a share of the values out, half of it on either side of zero: at 99.99 five
 * in 100,000 below and five above. Where no value is below zero, as behind a ReLU, the range begins
 * with the smallest: zero belongs to the range of 8 bits in any case.
 * @param percentile 50 < percentile ≤ 100.
 * @param range Range of all values, which the result does not exceed.
 */
export function percentileRange(histogram: Histogram, range: Range, percentile: number): Range {
  const outside = (100 - percentile) / 200;
  const within = (value: number): number => Math.min(range.max, Math.max(range.min, value));
  return {
    min: range.min >= 0 ? range.min : within(quantile(histogram, outside)),
    max: range.max <= 0 ? range.max : within(quantile(histogram, 1 - outside)),
  };
}

/** The number below which a share of the values lies; in proportion within its bin. */
function quantile({ width, first, counts }: Histogram, share: number): number {
  const wanted = share * counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (const [bin, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted)
      return (first + bin + (wanted - below) / count) * width;
    below += count;
  }
  return (first + counts.length) * width;
}

/** Levels of a quantized size: 8 bits without the sign. */
const levels = 128;

/**
 * The range that loses the least information when sizes become one of 128 levels, and those beyond
 * the range the last of them: of all thresholds at the end of a bin, that with the smallest
 * divergence KL(P ‖ Q). P is the distribution of sizes with those beyond the threshold in its last
 * bin, Q the same distribution merged into 128 levels, each spread evenly over those of its bins
 * that are not empty.
 *
 * The bin of zero counts as its neighbor: zeros, half of the values behind a ReLU, are exact in any
 * range.
 * Source: Migacz, "8-bit inference with TensorRT", GTC 2017; the bin of zero as in NVIDIA's
 * pytorch-quantization.
 */
export function entropyRange(histogram: Histogram, range: Range): Range {
  const threshold = entropyThreshold(countSizes(histogram)) * histogram.width;
  return { min: Math.max(range.min, -threshold), max: Math.min(range.max, threshold) };
}

/** Counts by size, |x|, from 0 on. */
function countSizes({ first, counts }: Histogram): Float64Array {
  const sizeOf = (bin: number): number => (first + bin >= 0 ? first + bin : -1 - first - bin);
  const last = counts.reduce(
    (most, count, bin) => (count > 0 ? Math.max(most, sizeOf(bin)) : most),
    0,
  );
  const sizes = new Float64Array(Math.max(last + 1, levels));
  counts.forEach((count, bin) => {
    if (count > 0) sizes[sizeOf(bin)] = (sizes[sizeOf(bin)] as number) + count;
  });
  sizes[0] = sizes[1] as number;
  return sizes;
}

/** The number of bins before the best threshold. */
function entropyThreshold(sizes: Float64Array): number {
  const total = sizes.reduce((sum, count) => sum + count, 0);
  let best = { bins: sizes.length, divergence: Number.POSITIVE_INFINITY };
  let inside = sizes.subarray(0, levels - 1).reduce((sum, count) => sum + count, 0);
  for (let bins = levels; bins <= sizes.length; bins++) {
    inside += sizes[bins - 1] as number;
    const divergence = divergenceOf(sizes.subarray(0, bins), inside, total - inside);
    if (divergence < best.divergence) best = { bins, divergence };
  }
  return best.bins;
}

/** Probability of what Q lacks and P has: the last bin, where nothing but outliers is. */
const smallest = 1e-10;

/**
 * KL(P ‖ Q), in nats.
 * @param sizes Counts before the threshold.
 * @param inside Their sum.
 * @param outside Values beyond the threshold.
 */
function divergenceOf(sizes: Float64Array, inside: number, outside: number): number {
  const [bins, total] = [sizes.length, inside + outside];
  if (inside === 0) return Number.POSITIVE_INFINITY;
  let divergence = 0;
  for (let level = 0; level < levels; level++) {
    const [start, end] = [levelStart(level, bins), levelStart(level + 1, bins)];
    let [sum, filled] = [0, 0];
    for (let bin = start; bin < end; bin++) {
      const count = sizes[bin] as number;
      sum += count;
      if (count > 0) filled++;
    }
    const q = filled === 0 ? smallest : sum / filled / inside;
    for (let bin = start; bin < end; bin++) {
      const count = sizes[bin] as number;
      const p = (count + (bin === bins - 1 ? outside : 0)) / total;
      if (p > 0) divergence += p * Math.log(p / (count > 0 ? q : smallest));
    }
  }
  return divergence;
}

function levelStart(level: number, bins: number): number {
  return Math.ceil((level * bins) / levels);
}

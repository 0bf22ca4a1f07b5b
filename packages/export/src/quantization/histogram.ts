const bins = 2048;

/**
 * Counts of values in 2048 bins, which begin at multiples of their width, a power of two. Where a
 * batch goes beyond them, pairs of bins are merged: what is counted is never read again, and its
 * order makes no difference to the final bins.
 */
export interface Histogram {
  /** Width of a bin. */
  readonly width: number;
  /** Bin k holds the values from (first + k) · width to (first + k + 1) · width. */
  readonly first: number;
  readonly counts: Float64Array;
}

/** Adds the values of a batch. @param histogram Absent: the first batch. */
export function addToHistogram(
  histogram: Histogram | undefined,
  values: Float32Array,
  range: Range,
): Histogram {
  const wide = histogram === undefined ? emptyHistogram(range) : widen(histogram, range);
  const { width, first, counts } = wide;
  const perUnit = 1 / width;
  for (let at = 0; at < values.length; at++) {
    const bin = Math.floor((values[at] as number) * perUnit) - first;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return wide;
}

/** The smallest and the largest of some values. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

function emptyHistogram({ min, max }: Range): Histogram {
  const largest = Math.max(max - min, Math.abs(min), Math.abs(max));
  const finest = largest === 0 ? 1 : 2 ** (Math.ceil(Math.log2(largest)) - Math.log2(bins));
  const width = widthFor({ min, max }, finest);
  return { width, first: Math.floor(min / width), counts: new Float64Array(bins) };
}

/** The histogram with its bins merged until these values fit too. */
function widen(histogram: Histogram, { min, max }: Range): Histogram {
  const { width: old, first: oldFirst, counts: oldCounts } = histogram;
  const isWithin = Math.floor(min / old) >= oldFirst && Math.floor(max / old) < oldFirst + bins;
  if (isWithin) return histogram;
  const filled = filledRange(histogram);
  const both = { min: Math.min(min, filled.min), max: Math.max(max, filled.max) };
  const width = widthFor(both, old);
  const first = Math.floor(both.min / width);
  const counts = new Float64Array(bins);
  oldCounts.forEach((count, bin) => {
    if (count === 0) return;
    const at = Math.floor(((oldFirst + bin) * old) / width) - first;
    counts[at] = (counts[at] as number) + count;
  });
  return { width, first, counts };
}

/** The width from `finest` on, doubled until 2048 bins hold the range. */
function widthFor({ min, max }: Range, finest: number): number {
  let width = finest;
  while (Math.floor(max / width) - Math.floor(min / width) >= bins) width *= 2;
  return width;
}

/** The beginnings of the first and the last bin that are not empty. */
function filledRange({ width, first, counts }: Histogram): Range {
  const filled = Array.from(counts.keys()).filter((bin) => counts[bin] !== 0);
  const [from, to] = [filled[0] as number, filled[filled.length - 1] as number];
  return { min: (first + from) * width, max: (first + to) * width };
}

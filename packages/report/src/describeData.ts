import { formatInteger } from '@kd/core/internal';
import type {
  DataInspectionRecord,
  ImageSizeRecord,
  SplitInspectionRecord,
  SplitName,
} from './dataInspection.ts';

/** Names of splits in running text. */
const purposes: Readonly<Record<SplitName, string>> = {
  train: 'for training',
  validation: 'for validation',
  test: 'for testing',
};

/** Describes a set of images in a sentence: how many, of what, how large. */
export function describeData({ splits, classNames, sizes }: DataInspectionRecord): string {
  const [train, ...others] = splits;
  if (train === undefined) return 'No images.';
  const classes = `${formatInteger(classNames.length)} ${classNames.length === 1 ? 'class' : 'classes'}`;
  const rest = others.map(({ split, images }) => `${formatInteger(images)} ${purposes[split]}`);
  const counts = [`${countImages(train.images)} of ${classes} ${purposes.train}`, ...rest];
  return `${counts.join(', ')}; ${describeSizes(sizes)}.`;
}

/** `all 32 × 32 pixels`; `240 × 180 to 1,024 × 768 pixels, the median 500 × 375`. Width first. */
export function describeSizes({
  different,
  smallest,
  median,
  largest,
}: DataInspectionRecord['sizes']): string {
  if (different === 0) return 'none of them can be read';
  if (different === 1) return `all ${formatSize(largest)} pixels`;
  return `${formatSize(smallest)} to ${formatSize(largest)} pixels, the median ${formatSize(median)}`;
}

/** Formats a size as people say it, width first: `640 × 480`. */
export function formatSize({ height, width }: ImageSizeRecord): string {
  return `${formatInteger(width)} × ${formatInteger(height)}`;
}

/** `1 image`, `2,000 images`. */
export function countImages(count: number): string {
  return `${formatInteger(count)} ${count === 1 ? 'image' : 'images'}`;
}

/** Describes the duplicates in a line each; none: none were found. */
export function describeDuplicates({ duplicates }: DataInspectionRecord): string[] {
  const { within, between, conflicts } = duplicates;
  const inside = Object.entries(within).map(
    ([split, images]) =>
      `${countImages(images)} of ${split} ${images === 1 ? 'repeats' : 'repeat'} another one of it`,
  );
  const across = between.map(
    ({ first, second, images }) =>
      `${countImages(images)} of ${second} ${images === 1 ? 'is' : 'are'} in ${first} too`,
  );
  const labels = conflicts === 0 ? [] : [`${formatInteger(conflicts)} with two labels`];
  return [...across, ...inside, ...labels];
}

/** `0.4914, 0.4822, 0.4465` */
export function formatChannels(values: readonly number[], decimals = 4): string {
  return values.map((value) => value.toFixed(decimals)).join(', ');
}

/** Whether only some images were decoded; a sentence about it, or undefined. */
export function describeSample(splits: readonly SplitInspectionRecord[]): string | undefined {
  const sum = (count: (split: SplitInspectionRecord) => number) =>
    splits.reduce((total, split) => total + count(split), 0);
  const [all, decoded] = [sum(({ images }) => images), sum((split) => split.decoded)];
  // A few broken images are no sample.
  if (decoded > 0.95 * all || decoded === 0) return undefined;
  return (
    `Classes are counted over all images; all else is measured on ${formatInteger(decoded)} of ` +
    `${formatInteger(all)}, which lie at equal distances.`
  );
}

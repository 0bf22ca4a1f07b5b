import type { ImageCollection } from '../collections/imageCollection.ts';
import { probeImage } from './probeImage.ts';

export interface ProbeImagesOptions {
  /** Most images that are looked at; 256. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** Least, middle and greatest of some lengths, in pixels. */
export interface LengthRange {
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

/** What a sample of a collection's images looks like. */
export interface ProbedImages {
  /** Images that were looked at and have a header. */
  readonly count: number;
  /** As the pictures are shown. All 0 where no image has a header. */
  readonly height: LengthRange;
  readonly width: LengthRange;
  readonly shorterSide: LengthRange;
  /** Whether all have one height and one width. */
  readonly isOneSize: boolean;
  /** Images by format: `jpeg` …, `pixels` for those that are stored decoded. */
  readonly formats: Readonly<Record<string, number>>;
  /** Images by number of channels: 1 to 4, alpha included. */
  readonly channels: Readonly<Record<string, number>>;
  /** Images by bits of a channel. */
  readonly bits: Readonly<Record<string, number>>;
  /** Those of the sample that are no pictures or cannot be decoded, as far as the header tells. */
  readonly broken: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Reads the headers of images that lie evenly spread over a collection, of every split and thereby
 * of every class where images are in the order of classes. Nothing is decoded.
 */
export async function probeImages(
  collection: Pick<ImageCollection, 'splits'>,
  { limit = 256, signal }: ProbeImagesOptions = {},
): Promise<ProbedImages> {
  const splits = Object.values(collection.splits).filter((split) => split !== undefined);
  const total = splits.reduce((sum, { count }) => sum + count, 0);
  const probed: Probed[] = [];
  const broken: { name: string; reason: string }[] = [];
  const samples = Math.min(limit, total);
  for (let sample = 0; sample < samples; sample++) {
    signal?.throwIfAborted();
    let index = Math.floor(((sample + 0.5) * total) / samples);
    const split = splits.find(({ count }) => {
      if (index < count) return true;
      index -= count;
      return false;
    });
    if (split === undefined) continue;
    const name = split.nameOf(index);
    try {
      const stored = await split.read(index);
      if ('encoded' in stored) probed.push(await probeImage(stored.encoded, name));
      else {
        const [height, width, channels] = stored.shape;
        probed.push({ height, width, channels, format: 'pixels', bits: 8 });
      }
    } catch (error) {
      broken.push({ name, reason: (error as Error).message });
    }
  }
  const heights = probed.map(({ height }) => height);
  const widths = probed.map(({ width }) => width);
  return {
    count: probed.length,
    height: rangeOf(heights),
    width: rangeOf(widths),
    shorterSide: rangeOf(probed.map(({ height, width }) => Math.min(height, width))),
    isOneSize: new Set(heights).size <= 1 && new Set(widths).size <= 1,
    formats: countBy(probed, ({ format }) => format),
    channels: countBy(probed, ({ channels }) => channels),
    bits: countBy(probed, ({ bits }) => bits),
    broken,
  };
}

interface Probed {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly format: string;
  readonly bits: number;
}

function rangeOf(lengths: readonly number[]): LengthRange {
  const sorted = [...lengths].sort((a, b) => a - b);
  const at = (position: number) => sorted[Math.floor(position)] ?? 0;
  return { least: at(0), median: at((sorted.length - 1) / 2), most: at(sorted.length - 1) };
}

function countBy(
  images: readonly Probed[],
  keyOf: (image: Probed) => string | number,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const image of images) counts[keyOf(image)] = (counts[keyOf(image)] ?? 0) + 1;
  return counts;
}

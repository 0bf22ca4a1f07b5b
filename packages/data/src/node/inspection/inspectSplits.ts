import type { ProgressFactory } from '@kd/core';
import { choosePictures } from './choosePictures.ts';
import { DuplicateFinder, type Place } from './duplicates.ts';
import { findProblems, findWarnings } from './findings.ts';
import type { ImageInspection, PictureOf, SplitName, Thumbnail } from './imageInspection.ts';
import { type InspectedSplit, seeImages } from './inspectedSplit.ts';
import { type AnyPixels, isUniform, makeThumbnail, measureImage } from './measureImage.ts';
import { SizeNumbers, SplitNumbers, Tallies } from './splitNumbers.ts';

/** Options of every inspection. */
export interface InspectOptions {
  /**
   * Most images that are decoded, 100,000: of more, that many are taken at equal distances. Classes
   * are counted over all.
   */
  readonly limit?: number;
  /** Side in pixels for training: images that are smaller are counted. */
  readonly size?: number;
  /** Whether images that cannot be read are a warning; false: they make training impossible. */
  readonly skipBroken?: boolean;
  readonly createProgress?: ProgressFactory;
  readonly signal?: AbortSignal;
}

/** What is inspected. */
export interface InspectedImages {
  readonly source: string;
  readonly preparation?: string;
  readonly classNames: readonly string[];
  /** Train first. */
  readonly splits: readonly InspectedSplit[];
  /** Lines that come before those of the inspection. */
  readonly warnings: readonly string[];
}

const defaultLimit = 100_000;
const listedBroken = 100;
const shownPairs = 12;
const shownUniform = 10;
const shownKinds = 12;

/** Lines of readers that the inspection has as well, with what to do. */
const aboutCounts = /^(no \w+ images|one training image only) of /;

/** Side in pixels of the pictures of duplicates. */
const pairSide = 64;

/** Sees every image once, in order, and again the few that are shown as duplicates. */
export async function inspectSplits(
  { source, preparation, classNames, splits, warnings }: InspectedImages,
  { limit = defaultLimit, size, skipBroken = false, createProgress, signal }: InspectOptions,
): Promise<ImageInspection> {
  const total = splits.reduce((sum, { count }) => sum + count, 0);
  const samples = splits.map((split) => sampleIndices(split.count, limit, total));
  const progress = createProgress?.(
    'inspect images',
    samples.reduce((sum, { length }) => sum + length, 0),
    'images',
  );
  const [sizes, formats, conversions] = [new SizeNumbers(), new Tallies(), new Tallies()];
  const finder = new DuplicateFinder();
  const uniform: Place[] = [];
  const broken: { split: SplitName; name: string; reason: string }[] = [];
  const numbers = splits.map((split) => new SplitNumbers(split, classNames.length));
  const thumbnails = new Map<number, Thumbnail>();
  let chosen: readonly number[] = [];
  let seen = 0;
  try {
    for (const [at, split] of splits.entries()) {
      const indices = samples[at] as Int32Array;
      const pictures = at === 0 ? await chooseFrom(split, indices) : undefined;
      const wanted = new Set(pictures?.indices);
      if (pictures !== undefined) chosen = pictures.indices;
      const use = (image: AnyPixels, index: number) => {
        if (pictures !== undefined && wanted.has(index))
          thumbnails.set(index, makeThumbnail(image, pictures.side));
        return measureImage(image);
      };
      for await (const image of seeImages(split, indices, use, signal)) {
        progress?.update(++seen);
        const { index } = image;
        if ('reason' in image) {
          broken.push({ split: split.split, name: split.nameOf(index), reason: image.reason });
          continue;
        }
        const place = { split: split.split, index, label: split.labelOf(index) };
        numbers[at]?.add(image.result);
        sizes.add(image.size);
        formats.add(image.format);
        for (const note of image.notes) conversions.add(note);
        finder.add(image.result.digest, place);
        if (isUniform(image.result)) uniform.push(place);
      }
    }
  } finally {
    progress?.end();
  }
  const { pairs, ...duplicates } = finder.find(shownPairs);
  const takePictures = pictureTaker(splits, signal);
  const [train] = splits;
  const facts = {
    source,
    ...(preparation !== undefined && { preparation }),
    classNames,
    splits: numbers.map((split) => split.finish()),
    sizes: sizes.finish(),
    formats: formats.finish(shownKinds),
    conversions: conversions.finish(shownKinds),
    ...(size !== undefined && { smaller: { size, images: sizes.countBelow(size) } }),
    broken: { images: broken.length, list: broken.slice(0, listedBroken) },
    duplicates: { ...duplicates, pairs: await takePairs(pairs, takePictures) },
    uniform: {
      images: uniform.length,
      list: await takePictures(uniform.slice(0, shownUniform)),
    },
    pictures: chosen.flatMap((index): PictureOf[] => {
      const picture = thumbnails.get(index);
      if (picture === undefined || train === undefined) return [];
      const { split, nameOf, labelOf } = train;
      return [{ split, name: nameOf(index), label: labelOf(index), picture }];
    }),
  };
  return {
    ...facts,
    // What harms the result comes before notes about single files.
    warnings: [
      ...findWarnings(facts, skipBroken),
      ...warnings.filter((line) => !aboutCounts.test(line)),
    ],
    problems: findProblems(facts, skipBroken),
  };
}

/** Takes the share of a split in the images that are decoded, at equal distances. */
function sampleIndices(count: number, limit: number, total: number): Int32Array {
  const length = total <= limit ? count : Math.min(count, Math.ceil((count * limit) / total));
  return Int32Array.from({ length }, (_, at) => Math.floor(((at + 0.5) * count) / length));
}

async function chooseFrom(split: InspectedSplit, indices: Int32Array) {
  let longest = Number.POSITIVE_INFINITY;
  for (const index of indices.subarray(0, 1)) {
    const first = await split.open(index).catch(() => undefined);
    if (first !== undefined) longest = Math.max(first.height, first.width);
  }
  return choosePictures(split, indices, longest);
}

type TakePictures = (places: readonly Place[]) => Promise<PictureOf[]>;

/** Returns a function that reads images again for their pictures. */
function pictureTaker(splits: readonly InspectedSplit[], signal?: AbortSignal): TakePictures {
  const take = async ({ split: name, index, label }: Place): Promise<PictureOf[]> => {
    const split = splits.find((each) => each.split === name);
    if (split === undefined) return [];
    const use = (image: AnyPixels) => makeThumbnail(image, pairSide);
    for await (const seen of seeImages(split, [index], use, signal))
      if ('result' in seen)
        return [{ split: name, name: split.nameOf(index), label, picture: seen.result }];
    return [];
  };
  return async (places) => {
    const pictures: PictureOf[] = [];
    for (const place of places) pictures.push(...(await take(place)));
    return pictures;
  };
}

async function takePairs(
  pairs: readonly (readonly [Place, Place])[],
  take: TakePictures,
): Promise<ImageInspection['duplicates']['pairs'][number][]> {
  const taken: ImageInspection['duplicates']['pairs'][number][] = [];
  for (const pair of pairs) {
    const [first, second] = await take(pair);
    if (first !== undefined && second !== undefined) taken.push({ first, second });
  }
  return taken;
}

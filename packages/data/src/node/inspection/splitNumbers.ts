import type { ImageInspection, ImageSize, SplitInspection, Tally } from './imageInspection.ts';
import type { InspectedSplit } from './inspectedSplit.ts';
import type { Measured } from './measureImage.ts';

/** Sums means over the images of a split. */
export class SplitNumbers {
  readonly #split: InspectedSplit;
  readonly #classes: number;
  #decoded = 0;
  #isGray = true;
  readonly #means: number[] = [];
  readonly #squares: number[] = [];

  constructor(split: InspectedSplit, classes: number) {
    this.#split = split;
    this.#classes = classes;
  }

  add({ means, squares }: Measured): void {
    this.#decoded++;
    for (const [channel, mean] of means.entries()) {
      const square = squares[channel] as number;
      this.#means[channel] = (this.#means[channel] ?? 0) + mean;
      this.#squares[channel] = (this.#squares[channel] ?? 0) + square;
      if (mean !== means[0] || square !== squares[0]) this.#isGray = false;
    }
  }

  finish(): SplitInspection {
    const { split, count, labelOf } = this.#split;
    const classCounts = new Array<number>(this.#classes).fill(0);
    let unlabelled = 0;
    for (let index = 0; index < count; index++) {
      const label = labelOf(index);
      if (label < 0) unlabelled++;
      else classCounts[label] = (classCounts[label] ?? 0) + 1;
    }
    const channels = this.#isGray ? this.#means.slice(0, 1) : this.#means;
    const mean = channels.map((sum) => sum / this.#decoded);
    const std = mean.map((value, channel) => {
      const square = (this.#squares[channel] as number) / this.#decoded;
      return Math.sqrt(Math.max(0, square - value * value)) / 255;
    });
    return {
      split,
      images: count,
      decoded: this.#decoded,
      classCounts,
      unlabelled,
      mean: mean.map((value) => value / 255),
      std,
    };
  }
}

/** Counts images by a text. */
export class Tallies {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** The most frequent first. @param most Number of lines; the last one sums up the others. */
  finish(most: number): Tally[] {
    const all = Array.from(this.#counts, ([what, images]) => ({ what, images }));
    all.sort((left, right) => right.images - left.images);
    if (all.length <= most) return all;
    const others = all.slice(most - 1);
    const images = others.reduce((sum, tally) => sum + tally.images, 0);
    return [...all.slice(0, most - 1), { what: `${others.length} others`, images }];
  }
}

/** Most sizes that are listed. */
const listedSizes = 300;

/** Counts sizes of images. */
export class SizeNumbers {
  readonly #counts = new Map<string, { readonly size: ImageSize; images: number }>();

  add(size: ImageSize): void {
    const key = `${size.height} ${size.width}`;
    const found = this.#counts.get(key);
    if (found === undefined) this.#counts.set(key, { size, images: 1 });
    else found.images++;
  }

  /** Returns the images whose shorter side is below a length. */
  countBelow(length: number): number {
    let below = 0;
    for (const { size, images } of this.#counts.values())
      if (Math.min(size.height, size.width) < length) below += images;
    return below;
  }

  finish(): ImageInspection['sizes'] {
    const sizes = Array.from(this.#counts.values(), ({ size, images }) => ({ ...size, images }));
    const none = { height: 0, width: 0, images: 0 };
    const byArea = [...sizes].sort((a, b) => a.height * a.width - b.height * b.width);
    const total = sizes.reduce((sum, { images }) => sum + images, 0);
    let before = 0;
    const median = byArea.find(({ images }) => {
      before += images;
      return 2 * before >= total;
    });
    const plain = ({ height, width }: ImageSize = none) => ({ height, width });
    return {
      smallest: plain(byArea[0]),
      median: plain(median),
      largest: plain(byArea.at(-1)),
      different: sizes.length,
      list: sizes.sort((left, right) => right.images - left.images).slice(0, listedSizes),
    };
  }
}

/** Parts of a collection of images. */
export type SplitName = 'train' | 'validation' | 'test';

/** A picture for people: its longer side is at most as long as was asked for. */
export interface Thumbnail {
  /** uint8 [height, width, channels] flattened. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly shape: readonly [height: number, width: number, channels: 1 | 3];
}

/** An image by its place, with a picture of it. */
export interface PictureOf {
  readonly split: SplitName;
  /** Its path below the directory, `row 12 of train.parquet`, `image 12`. */
  readonly name: string;
  /** −1: none. */
  readonly label: number;
  readonly picture: Thumbnail;
}

/** One split. */
export interface SplitInspection {
  readonly split: SplitName;
  readonly images: number;
  /** Images that were decoded; fewer than `images` where those are too many, or broken. */
  readonly decoded: number;
  /** [classes], images of each class. */
  readonly classCounts: readonly number[];
  /** Images without a label. */
  readonly unlabelled: number;
  /**
   * [channels], 0–1: mean and standard deviation of the pixels, in float64; every image has the
   * same weight, however large it is. One number where all images are gray. Empty: none decoded.
   */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Height and width in pixels, as the pictures are shown. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** What is counted, with the number of images. */
export interface Tally {
  readonly what: string;
  readonly images: number;
}

/** Two images with the same pixels. */
export interface DuplicatePair {
  readonly first: PictureOf;
  readonly second: PictureOf;
}

/** What a collection of images holds. Numbers but the counts of classes are of decoded images. */
export interface ImageInspection {
  readonly source: string;
  /** How pixels were made from files; absent: the images are seen at the size they have. */
  readonly preparation?: string;
  readonly classNames: readonly string[];
  /** Train first; then validation and test, where there are such. */
  readonly splits: readonly SplitInspection[];
  readonly sizes: {
    /** By the number of pixels. */
    readonly smallest: ImageSize;
    readonly median: ImageSize;
    readonly largest: ImageSize;
    /** Number of different sizes. */
    readonly different: number;
    /** Sizes with their images, the most frequent first: some hundreds at most. */
    readonly list: readonly (ImageSize & { readonly images: number })[];
  };
  /** Kinds of files: `PNG, RGB, 8 bits`. */
  readonly formats: readonly Tally[];
  /** What decoding changes: `turned by its EXIF orientation`. */
  readonly conversions: readonly Tally[];
  /** Images whose shorter side is below the size that was asked about: they will be enlarged. */
  readonly smaller?: { readonly size: number; readonly images: number };
  readonly broken: {
    readonly images: number;
    /** The first hundred. */
    readonly list: readonly {
      readonly split: SplitName;
      readonly name: string;
      readonly reason: string;
    }[];
  };
  /** Images whose pixels are those of another one, at the size at which they were seen. */
  readonly duplicates: {
    /** Images of a split that repeat an earlier one of it. */
    readonly within: Readonly<Partial<Record<SplitName, number>>>;
    /** Images of a later split that are in an earlier one too. */
    readonly between: readonly {
      readonly first: SplitName;
      readonly second: SplitName;
      readonly images: number;
    }[];
    /** Pictures that occur with two labels or more. */
    readonly conflicts: number;
    /** Conflicts first, then those between splits. */
    readonly pairs: readonly DuplicatePair[];
  };
  /** Images of one color: every channel's standard deviation is below 1 of 255. */
  readonly uniform: { readonly images: number; readonly list: readonly PictureOf[] };
  /** Training images of the first classes, drawn by seed, class by class. */
  readonly pictures: readonly PictureOf[];
  /** Lines about what to mind, each with what to do. */
  readonly warnings: readonly string[];
  /** Lines about what makes training impossible; none: it can be trained on. */
  readonly problems: readonly string[];
}

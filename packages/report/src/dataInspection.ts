/**
 * The inspection of a run's images as JSON, `data.json`: counts, sizes, means, duplicates, and
 * pictures. Fractions are between 0 and 1.
 */

/** The version of `data.json` that is written and read. */
export const dataInspectionFormat = 1;

export type SplitName = 'train' | 'validation' | 'test';

/** An image by its place, with a picture of it. */
export interface PictureRecord {
  readonly split: SplitName;
  /** A path, a row of a file. */
  readonly name: string;
  /** Index of the class; −1: none. */
  readonly label: number;
  /** Data URI of a PNG. */
  readonly png: string;
  /** Height and width of the picture in pixels. */
  readonly height: number;
  readonly width: number;
}

/** One split. */
export interface SplitInspectionRecord {
  readonly split: SplitName;
  readonly images: number;
  /** Images that were decoded; other numbers than counts are about these. */
  readonly decoded: number;
  /** [classes], images of each class. */
  readonly classCounts: readonly number[];
  readonly unlabelled: number;
  /** [channels], of the pixels; one number where all images are gray, none: none decoded. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Height and width of images in pixels. */
export interface ImageSizeRecord {
  readonly height: number;
  readonly width: number;
}

/** What is counted, with the number of images. */
export interface TallyRecord {
  readonly what: string;
  readonly images: number;
}

/** What a set of images holds. */
export interface DataInspectionRecord {
  readonly format: typeof dataInspectionFormat;
  readonly source: string;
  /** How pixels were made from files; absent: images are described at the size that they have. */
  readonly preparation?: string;
  readonly classNames: readonly string[];
  readonly splits: readonly SplitInspectionRecord[];
  readonly sizes: {
    /** By the number of pixels. */
    readonly smallest: ImageSizeRecord;
    readonly median: ImageSizeRecord;
    readonly largest: ImageSizeRecord;
    /** Number of different sizes. */
    readonly different: number;
    /** The most frequent sizes. */
    readonly list: readonly (ImageSizeRecord & { readonly images: number })[];
  };
  /** Kinds of files. */
  readonly formats: readonly TallyRecord[];
  /** What decoding changed. */
  readonly conversions: readonly TallyRecord[];
  /** Images smaller than the size of training. */
  readonly smaller?: { readonly size: number; readonly images: number };
  readonly broken: {
    readonly images: number;
    /** Some of them. */
    readonly list: readonly {
      readonly split: SplitName;
      readonly name: string;
      readonly reason: string;
    }[];
  };
  /** Images whose pixels are those of another one. */
  readonly duplicates: {
    /** Images of a split that repeat an earlier one of it. */
    readonly within: Readonly<Partial<Record<SplitName, number>>>;
    /** Images of the second split that are in the first too. */
    readonly between: readonly {
      readonly first: SplitName;
      readonly second: SplitName;
      readonly images: number;
    }[];
    /** Pictures that occur with two labels or more. */
    readonly conflicts: number;
    /** Some of them. */
    readonly pairs: readonly { readonly first: PictureRecord; readonly second: PictureRecord }[];
  };
  /** Images of one color. */
  readonly uniform: { readonly images: number; readonly list: readonly PictureRecord[] };
  /** Training images, class by class. */
  readonly pictures: readonly PictureRecord[];
  /** Lines about what to mind. */
  readonly warnings: readonly string[];
  /** Lines about what makes training impossible. */
  readonly problems: readonly string[];
}

/** Writes an inspection as JSON. */
export function formatDataInspection(record: DataInspectionRecord): string {
  return `${JSON.stringify(record)}\n`;
}

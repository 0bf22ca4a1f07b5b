import type { ProgressFactory } from '@kd/core';

/** An image as a collection stores it: a file's bytes, or pixels that need no decoding. */
export type StoredImage =
  | { readonly encoded: Uint8Array<ArrayBuffer> }
  | {
      /** uint8 [height, width, channels] flattened. */
      readonly pixels: Uint8Array<ArrayBuffer>;
      readonly shape: readonly [height: number, width: number, channels: number];
    };

/** Some images of a collection, in order, before they are decoded. */
export interface ImageSplit {
  /** Number of images. */
  readonly count: number;
  /** [images], 0 ≤ label < classes; −1: no label. */
  readonly labels: Int32Array;
  /** Name of an image for messages: its path below the directory, `row 12 of train.parquet`. */
  nameOf(index: number): string;
  /** Reads an image. Reads in order are the fast ones; several may be under way at a time. */
  read(index: number): Promise<StoredImage>;
  /**
   * sha256 of what tells these images from any others without reading them all (paths, sizes and
   * times of files, or their contents): decoded images are cached under it.
   */
  readonly version: string;
}

/** Images of any origin, with their classes, before they are decoded. */
export interface ImageCollection {
  /** The path or address as it was given. */
  readonly source: string;
  readonly classNames: readonly string[];
  readonly splits: ImageSplits;
  /** Lines for people about what is unusual but allowed. */
  readonly warnings: readonly string[];
  /** Frees open files. */
  close(): Promise<void>;
}

/** The parts that a collection comes in. Unlabelled images for training are in `train`. */
export interface ImageSplits {
  readonly train: ImageSplit;
  readonly validation?: ImageSplit;
  readonly test?: ImageSplit;
}

/** Options of opening a collection of images. */
export interface OpenOptions {
  /** Column or array that holds the images; found by name and type by default. */
  readonly imageColumn?: string;
  /** Column or array that holds the labels; `coarse_label` for the 20 classes of CIFAR-100. */
  readonly labelColumn?: string;
  readonly createProgress?: ProgressFactory;
  /** Called with one-line messages for people; standard error by default. */
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

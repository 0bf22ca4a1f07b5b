/** What one file of an archive brings to a set. */
export interface Part {
  /** uint8 [pictures, 32, 32, 3] flattened. */
  readonly pixels?: Uint8Array;
  /** [pictures]. */
  readonly labels?: Uint8Array;
}

/**
 * One of the forms in which a data set is handed about: which files, in which order, and how to
 * read one.
 */
export interface Layout {
  /** For messages: `official binary archive`. */
  readonly name: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
  /**
   * @param caller For messages: archive and file. @throws RangeError where the file is not what it
   * should be.
   */
  readFile(bytes: Uint8Array, caller: string): Part | Promise<Part>;
}

/** Pictures are 32 × 32 × 3. */
export const pictureSize = 3072;

/**
 * Channel planes (as CIFAR's own files have them) to interleaved channels. @param at Where the
 * planes start. @param target Where the picture goes.
 */
export function interleave(
  planes: Uint8Array,
  at: number,
  pixels: Uint8Array,
  target: number,
): void {
  for (let place = 0; place < 1024; place++) {
    pixels[target + 3 * place] = planes[at + place] as number;
    pixels[target + 3 * place + 1] = planes[at + 1024 + place] as number;
    pixels[target + 3 * place + 2] = planes[at + 2048 + place] as number;
  }
}

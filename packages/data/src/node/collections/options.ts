import type { ProgressFactory } from '@kd/core';

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

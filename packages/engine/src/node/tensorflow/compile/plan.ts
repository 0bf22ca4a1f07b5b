import type { Variable } from '@tensorflow/tfjs-core';
import type { Source } from '../trace/source.ts';
import type { Template } from './containers.ts';
import type { ValueType } from './outputs.ts';

/** A variable that a call assigns, and to which of the values. */
export interface Change {
  readonly variable: Variable;
  readonly value: number;
}

/**
 * What a trace has found out. Values of a call are numbered: first those computed, then those
 * passed.
 */
export interface Plan {
  /** The function's name in the context; undefined where nothing is computed. */
  readonly name: string | undefined;
  /** What it takes, in order. */
  readonly inputs: readonly Source[];
  /** What it computes. */
  readonly computed: readonly ValueType[];
  /** What is handed through as it came in. */
  readonly sources: readonly Source[];
  readonly passed: readonly ValueType[];
  /** Values that the caller gets, and where they stand in the container. */
  readonly results: readonly number[];
  readonly template: Template;
  readonly changes: readonly Change[];
}

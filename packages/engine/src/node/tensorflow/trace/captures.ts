import type { DataId, Variable } from '@tensorflow/tfjs-core';
import type { Pointer } from '../capi/types.ts';

/** The place from which each call of a traced function takes an input. */
export type Capture =
  /** The flat list of arguments. */
  | { readonly kind: 'argument'; readonly index: number }
  /** A variable: its value at the time of the call. */
  | { readonly kind: 'variable'; readonly variable: Variable }
  /** A tensor that existed before the function was traced. */
  | {
      readonly kind: 'captured';
      readonly dataId: DataId;
      readonly shape: readonly number[];
      readonly dtype: number;
      /** Line of the user's code that uses it. */
      readonly line: string;
    };

/** An input that the function uses: its source and its placeholder. */
export interface FunctionInput {
  readonly capture: Capture;
  readonly operation: Pointer;
}

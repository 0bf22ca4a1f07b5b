import type { DataId, Variable } from '@tensorflow/tfjs-core';

/** Where a traced function finds an input at each call. */
export type Source =
  /** In the flat list of its arguments. */
  | { readonly kind: 'argument'; readonly index: number }
  /** What the variable holds at the time of the call. */
  | { readonly kind: 'variable'; readonly variable: Variable }
  /** A tensor that was there before the function was traced. */
  | {
      readonly kind: 'captured';
      readonly dataId: DataId;
      readonly shape: readonly number[];
      readonly dtype: number;
      readonly line: string;
    };

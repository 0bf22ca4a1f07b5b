import type { SafetensorsDtype } from '@kd/files';

/** One tensor of a file, read when asked for. */
export interface TensorEntry {
  /** How the file holds it. */
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /**
   * A fresh copy, row by row, as float32: whole numbers above 2²⁴ and F64 are rounded to the
   * nearest, BOOL is 0 and 1.
   * @throws RangeError where the file has changed since or its bytes are not there.
   */
  read(): Float32Array<ArrayBuffer>;
}

/** Named tensors of a file, or of several shards; none of them is in memory until `read`. */
export interface Weights {
  /** For messages: the file's name. */
  readonly place: string;
  /**
   * By name, without the prefixes of DataParallel and torch.compile; a record without prototype.
   */
  readonly entries: Readonly<Record<string, TensorEntry>>;
  /**
   * What the file says besides: `__metadata__` of a safetensors file; of a PyTorch file its
   * `format`, the `part` taken and what `else` it holds.
   */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface WeightsOptions {
  /**
   * The key of the state dict in a PyTorch checkpoint that holds several: `state_dict_ema`; with
   * dots for one inside another.
   */
  readonly part?: string;
}

import {
  type ByteSource,
  bytesPerElement,
  nullPrototypeRecord,
  readSafetensorsIndex,
  type SafetensorsDtype,
  toFloat32,
} from '@kd/files';

/** One tensor of a file, read on demand. */
export interface TensorEntry {
  /** Type in the file. */
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /**
   * Reads the values into a new array, row by row, as float32: whole numbers above 2²⁴ and F64 are
   * rounded to the nearest, BOOL is 0 and 1.
   * @throws RangeError if the file has changed since it was opened, or is cut short.
   */
  read(): Float32Array<ArrayBuffer>;
}

/** The named tensors of a file, or of several shards; none is in memory before its `read`. */
export interface Weights {
  /** Name of the file, for messages. */
  readonly fileName: string;
  /**
   * By name, without the prefixes of DataParallel and torch.compile; a record without prototype.
   */
  readonly entries: Readonly<Record<string, TensorEntry>>;
  /**
   * Other information in the file: `__metadata__` of a safetensors file; of a PyTorch file its
   * `format`, the `part` that was read and a list of everything `else` in it.
   */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The tensors of a safetensors file, of which only the header is read.
 * @throws RangeError that names the file and the field.
 */
export function safetensorsWeights(source: ByteSource, fileName: string): Weights {
  const { tensors, metadata } = readSafetensorsIndex(source, fileName);
  const entries = nullPrototypeRecord<TensorEntry>();
  for (const [name, { dtype, shape, begin, end }] of Object.entries(tensors)) {
    entries[name] = {
      dtype,
      shape,
      read: () => toFloat32(source, dtype, begin, (end - begin) / bytesPerElement(dtype)),
    };
  }
  return { fileName, entries, metadata };
}

/**
 * Number types of the safetensors format, each with the typed array that holds it. Half precision
 * and 8-bit floats are held as their bits. The format
 * has more (complex numbers, floats of 4 and 6 bits, other 8-bit floats): those are refused by
 * name.
 */
export const arrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

export type SafetensorsDtype = keyof typeof arrays;

export type SafetensorsArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint32Array
  | Uint16Array
  | Uint8Array;

/** One tensor of a file. */
export interface SafetensorsTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /**
   * F16 and BF16: their bits as Uint16Array. F8_E4M3 and F8_E5M2: their bits as Uint8Array. BOOL: 0
   * and 1 as Uint8Array. The others: the typed array of their name.
   */
  readonly data: SafetensorsArray;
}

export interface DecodedSafetensors {
  /**
   * By name, in the order of the bytes; a record without prototype, so that only names in the file
   * are found.
   */
  readonly tensors: Record<string, SafetensorsTensor & { readonly shape: number[] }>;
  readonly metadata: Record<string, string>;
}

/** The file may not have a longer header, in bytes: the limit of the format's own library. */
export const headerLimit = 100_000_000;

export function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === 'string' && Object.hasOwn(arrays, value);
}

/** A record that has no inherited names: `__proto__` is a name as any other. */
export function nullPrototypeRecord<Value>(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>;
}

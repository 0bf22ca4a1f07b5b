import type { SafetensorsDtype } from '@kd/files';

/** A name of the pickle, looked up by nobody: `torch.FloatStorage`. */
export class TorchName {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A run of numbers that lies outside of the pickle. */
export interface StorageRecord {
  /** `FloatStorage`; `UntypedStorage` is one of bytes. */
  readonly type: string;
  /** By what the file keeps it: `0`, or an address in legacy files. */
  readonly key: string;
  /** Numbers of its type. */
  readonly length: number;
}

/** A tensor as the pickle describes it: nothing of it is checked yet. */
export class TensorRecord {
  readonly storage: unknown;
  /** Where it begins in the storage, in numbers. */
  readonly offset: unknown;
  readonly shape: unknown;
  /** Steps in numbers along each axis. */
  readonly strides: unknown;
  /** `float8_e4m3fn`, where it is not the storage's. */
  readonly type: string | undefined;
  /** Views that compute when read (`conj`, `neg`). */
  readonly lazy: string | undefined;

  constructor(parameters: readonly unknown[], type: string | undefined, metadata: unknown) {
    [this.storage, this.offset, this.shape, this.strides] = parameters;
    this.type = type;
    this.lazy =
      metadata instanceof Map
        ? ['conj', 'neg'].find((bit) => metadata.get(bit) === true)
        : undefined;
  }
}

/** Types of PyTorch's storages and tensors that are read. */
const dtypes: Readonly<Record<string, SafetensorsDtype>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  float8_e4m3fn: 'F8_E4M3',
  float8_e5m2: 'F8_E5M2',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
};

/**
 * @returns undefined for types that are not read: complex and quantised numbers, other 8-bit
 * floats.
 */
export function dtypeOf(type: string): SafetensorsDtype | undefined {
  return Object.hasOwn(dtypes, type) ? dtypes[type] : undefined;
}

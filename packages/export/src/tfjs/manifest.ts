import { concatBytes, toFloat16 } from '@kd/files';
import { fewestNumbers, float32Remedy } from '../graph/weights.ts';

/** How weights are stored. */
export type TfjsWeights = 'float32' | 'float16' | 'uint16' | 'uint8';

/** A weight as `model.json` lists it. */
export interface WeightEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly quantization?: {
    readonly dtype: 'float16' | 'uint16' | 'uint8';
    readonly min?: number;
    readonly scale?: number;
    readonly original_dtype: 'float32';
  };
}

/** A weight, or a constant of an operation. */
export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

export interface WeightFiles {
  readonly manifest: readonly [
    { readonly paths: readonly string[]; readonly weights: readonly WeightEntry[] },
  ];
  /** By path. */
  readonly files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
}

/** Browsers cache files of this size. */
const shardBytes = 2 ** 22;

/**
 * Stores weights one after the other, in files of at most 4 MiB, by TF.js's own scheme: uint8 and
 * uint16 stand for min + scale · number.
 * @throws RangeError on a weight that float16 has not.
 */
export function storeWeights(
  tensors: readonly StoredTensor[],
  form: TfjsWeights,
  caller: string,
): WeightFiles {
  const stored = tensors.map((tensor) => storeTensor(tensor, form, caller));
  const bytes = concatBytes(stored.map((tensor) => tensor.bytes));
  const count = Math.max(1, Math.ceil(bytes.length / shardBytes));
  const paths = Array.from({ length: count }, (_, at) => `group1-shard${at + 1}of${count}.bin`);
  return {
    manifest: [{ paths, weights: stored.map(({ entry }) => entry) }],
    files: Object.fromEntries(
      paths.map((path, at) => [path, bytes.slice(at * shardBytes, (at + 1) * shardBytes)]),
    ),
  };
}

interface Stored {
  readonly entry: WeightEntry;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function storeTensor(
  { name, shape, values }: StoredTensor,
  form: TfjsWeights,
  caller: string,
): Stored {
  if (values instanceof Int32Array)
    return { entry: { name, shape, dtype: 'int32' }, bytes: bytesOf(values) };
  const plain = { name, shape, dtype: 'float32' } as const;
  const isSmall = shape.length < 2 || values.length < fewestNumbers;
  if (form === 'float32' || isSmall) return { entry: plain, bytes: bytesOf(values) };
  if (form === 'float16') {
    const quantization = { dtype: form, original_dtype: 'float32' } as const;
    return {
      entry: { ...plain, quantization },
      bytes: bytesOf(toFloat16(`${caller}: ${name}`, values, float32Remedy)),
    };
  }
  const { numbers, min, scale } = quantize(values, form);
  const quantization = { dtype: form, min, scale, original_dtype: 'float32' } as const;
  return { entry: { ...plain, quantization }, bytes: bytesOf(numbers) };
}

/** Affine numbers of a tensor, with zero exactly among them where the values surround it. */
function quantize(
  values: Float32Array,
  form: 'uint8' | 'uint16',
): { readonly numbers: Uint8Array | Uint16Array; readonly min: number; readonly scale: number } {
  const most = form === 'uint8' ? 255 : 65_535;
  let [low, high] = [0, 0];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const scale = high === low ? 1 : (high - low) / most;
  const zero = Math.round(-low / scale);
  const numberOf = (value: number) => Math.min(Math.max(Math.round(value / scale) + zero, 0), most);
  const numbers =
    form === 'uint8' ? Uint8Array.from(values, numberOf) : Uint16Array.from(values, numberOf);
  return { numbers, min: -zero * scale, scale };
}

function bytesOf(values: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    (values.buffer as ArrayBuffer).slice(values.byteOffset, values.byteOffset + values.byteLength),
  );
}

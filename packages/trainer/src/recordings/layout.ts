import { ensure, expectedError } from '@kd/core';

/** One kind of activations in a recording. */
export interface RecordedFeature {
  /** Of one picture: [height, width, channels] or [channels]. */
  readonly shape: readonly number[];
  readonly dtype: 'F32' | 'F16';
}

/** How activations lie in files of some rows each, `<file>.view<view>.part<part>.safetensors`. */
export interface Layout {
  /** By the name of their tensor: `features.pooled`, `logits`. */
  readonly tensors: Readonly<Record<string, RecordedFeature>>;
  readonly rowsPerPart: number;
}

/** Bytes of numbers in a file at most, where nothing else is asked for. */
export const PART_BYTES = 2 ** 25;

/**
 * @param tensors Of one picture. @param rows In all. @param partBytes A file holds so many at most,
 * and one row at least.
 */
export function layoutOf(tensors: Layout['tensors'], rows: number, partBytes: number): Layout {
  const bytes = Object.values(tensors).reduce(
    (sum, feature) => sum + sizeOf(feature) * (feature.dtype === 'F16' ? 2 : 4),
    0,
  );
  return { tensors, rowsPerPart: Math.min(rows, Math.max(1, Math.floor(partBytes / bytes))) };
}

/** Numbers of one picture. */
export function sizeOf({ shape }: RecordedFeature): number {
  return shape.reduce((size, side) => size * side, 1);
}

export function partsOf({ rowsPerPart }: Layout, rows: number): number {
  return Math.ceil(rows / rowsPerPart);
}

/** Where the rows of a part begin and end. */
export function rowsOfPart(
  { rowsPerPart }: Layout,
  part: number,
  rows: number,
): { readonly from: number; readonly to: number } {
  return { from: part * rowsPerPart, to: Math.min(rows, (part + 1) * rowsPerPart) };
}

/** The tensor's name of a tap. */
export function tensorOf(tap: string): string {
  return `features.${tap}`;
}

/** The layout that a manifest tells of. @throws RangeError where it makes no sense. */
export function checkedLayout(caller: string, value: unknown): Layout {
  const { tensors, rowsPerPart } = (value ?? {}) as Partial<Layout>;
  ensure(isCount(rowsPerPart), caller, 'rowsPerPart as a whole number ≥ 1', rowsPerPart);
  if (typeof tensors !== 'object' || tensors === null)
    throw expectedError(caller, 'tensors by name', tensors);
  for (const [name, feature] of Object.entries<Partial<RecordedFeature> | null>(tensors)) {
    const { shape, dtype } = feature ?? {};
    const isShape =
      Array.isArray(shape) && shape.length >= 1 && shape.length <= 3 && shape.every(isCount);
    ensure(isShape, caller, `a shape of one to three whole numbers ≥ 1 for ${name}`, shape);
    ensure(dtype === 'F32' || dtype === 'F16', caller, `${name} in F32 or F16`, dtype);
  }
  return { tensors, rowsPerPart };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

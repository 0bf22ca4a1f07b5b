/**
 * The files of an output cache.
 *
 * `<file>` is written last: metadata `format`, `version` and `manifest` (JSON of `OutputCache`),
 * and the tensors `indices` I32 [rows] and `labels` I32 [rows].
 *
 * `<file>.<output>.view<v>.shard<s>.safetensors` has some rows of one output under one view:
 * metadata `format`, `version`, `key`, `output` and `view`, and the tensors `indices` I32 [n],
 * `labels` I32 [n] and `values` F32 or F16 [n, …shape].
 *
 * All of them carry a checksum and are written atomically, so that an interrupted cache continues
 * with its first missing shard.
 */
import {
  type DataLoader,
  ensure,
  expectedError,
  type ModelFingerprint,
  type Store,
  sha256,
  type ViewKey,
} from '@kd/core';
import { byteSource, readSafetensorsIndex, type SafetensorsTensor } from '@kd/files';
import { decodeChecksummed, encodeChecksummed } from '../checksummed.ts';

const FORMAT = 'kd-output-cache';
const SHARD_FORMAT = 'kd-output-cache-shard';
const VERSION = '1';
/** Formats of earlier versions, for the error message. */
const EARLIER_FORMATS = ['kd-teacher-logits', 'kd-body-features'];

/** Default file names of a teacher's and of a backbone's cache. */
export const TEACHER_FILE = 'teacher.safetensors';
export const BACKBONE_FILE = 'features.safetensors';

/** Name of the logits among the outputs of a teacher. */
export const LOGITS = 'logits';

/** Name under which `Batch.targets` are cached beside the features of mixed images. */
export const TARGETS = 'batch targets';

/** Identifies what was evaluated on which images. */
export interface OutputCacheKey {
  readonly dataName: string;
  /** `DatasetInfo.fingerprint()`. */
  readonly dataFingerprint: string;
  /** Fingerprint of the teacher or the backbone. */
  readonly model: ModelFingerprint;
  /** In the order in which epochs go through them. */
  readonly views: readonly ViewKey[];
  /** Number of images under each view. */
  readonly rows: number;
  /** sha256 of the indices of the images, ascending. */
  readonly rowSet: string;
  readonly classes: number;
}

/** Shape and storage of one output. */
export interface CachedOutput {
  /** Shape for one image: [height, width, channels] or [channels]. */
  readonly shape: readonly number[];
  readonly dtype: 'F32' | 'F16';
  readonly rowsPerShard: number;
}

/** Manifest of an output cache. */
export interface OutputCache extends OutputCacheKey {
  readonly outputs: Readonly<Record<string, CachedOutput>>;
  /**
   * Top-1 accuracy of the teacher on the labelled images under each view, 0–1, and 0 if there are
   * none; empty for a backbone.
   */
  readonly accuracy: readonly number[];
}

/** A manifest with the images it is about, in the order of the shards. */
export interface OpenCache {
  readonly cache: OutputCache;
  readonly indices: Int32Array;
  readonly labels: Int32Array;
}

/** The key of a cache of some data. */
export async function cacheKey(
  data: DataLoader,
  model: ModelFingerprint,
  views: number,
): Promise<OutputCacheKey> {
  const indices = data.order(0).slice().sort();
  return {
    dataName: data.dataset.name,
    dataFingerprint: await data.dataset.fingerprint(),
    model,
    views: Array.from({ length: views }, (_, number) => data.view(number)),
    rows: data.size,
    rowSet: await sha256(new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength)),
    classes: data.dataset.classNames.length,
  };
}

/**
 * Checks that a cache is of the expected data, model and views; it may have more views.
 * @param kind For messages. @throws RangeError that names the first difference.
 */
export function expectSameKey(
  caller: string,
  found: OutputCacheKey,
  expected: OutputCacheKey,
  kind: 'teacher' | 'backbone',
): void {
  const remedy = `cache the ${kind} again`;
  const same = (name: string, want: string | number, got: string | number) =>
    ensure(want === got, caller, `a cache of ${name} ${want}`, got, remedy);
  same(
    'the data set',
    `${expected.dataName} (${expected.dataFingerprint})`,
    `${found.dataName} (${found.dataFingerprint})`,
  );
  same(`a ${kind} with the weights`, expected.model.weights, found.model.weights);
  same(`a ${kind} with the preprocessing`, expected.model.preprocessing, found.model.preprocessing);
  same(`the ${kind}`, expected.model.name, found.model.name);
  same('classes', expected.classes, found.classes);
  same('images', expected.rows, found.rows);
  same('the set of images', expected.rowSet, found.rowSet);
  for (const [number, view] of expected.views.entries()) {
    const other = found.views[number];
    if (other === undefined)
      throw expectedError(
        caller,
        `a cache of ${expected.views.length} views`,
        found.views.length,
        remedy,
      );
    same(`view ${number} as`, view.spec, other.spec);
    same(`view ${number} from the seed`, view.seed, other.seed);
  }
}

/** Writes the manifest of a complete cache. */
export async function writeManifest(
  store: Store,
  file: string,
  { cache, indices, labels }: OpenCache,
): Promise<void> {
  const tensors = {
    indices: { dtype: 'I32', shape: [cache.rows], data: indices },
    labels: { dtype: 'I32', shape: [cache.rows], data: labels },
  } as const;
  const metadata = { format: FORMAT, version: VERSION, manifest: JSON.stringify(cache) };
  await store.write(file, await encodeChecksummed(tensors, metadata));
}

/**
 * Reads the manifest of a cache. @returns undefined if there is no such file.
 * @throws RangeError on a file that is no cache, was altered or is of an earlier version.
 */
export async function readManifest(
  store: Store,
  file: string,
  kind: 'teacher' | 'backbone',
): Promise<OpenCache | undefined> {
  const bytes = await store.read(file);
  if (bytes === undefined) return undefined;
  const caller = `${file} in ${store.location}`;
  const { tensors, metadata } = await decodeChecksummed(bytes, caller);
  const { format = '', version, manifest } = metadata;
  const remedy = `cache the ${kind} again`;
  ensure(
    format === FORMAT,
    caller,
    `format ${FORMAT}`,
    format,
    EARLIER_FORMATS.includes(format) ? remedy : 'it is no output cache',
  );
  ensure(version === VERSION, caller, `version ${VERSION}`, version, remedy);
  ensure(manifest !== undefined, caller, 'metadata manifest', 'nothing');
  const cache = JSON.parse(manifest) as OutputCache;
  checkOutputs(caller, cache.outputs);
  const column = (name: 'indices' | 'labels') =>
    expectTensor(caller, tensors, name, 'I32', [cache.rows]) as Int32Array;
  return { cache, indices: column('indices'), labels: column('labels') };
}

/** Location of one shard and the key it must have. */
export interface ShardId {
  readonly store: Store;
  /** File of the manifest, after which the shards are named. */
  readonly file: string;
  /** `shardKey` of the cache. */
  readonly key: string;
  readonly output: string;
  readonly view: ViewKey;
  readonly viewNumber: number;
  readonly shard: number;
}

/** Some rows of one output under one view. */
export interface Shard {
  readonly indices: Int32Array;
  readonly labels: Int32Array;
  readonly values: Float32Array | Uint16Array;
}

/** A shard that was read. */
export interface StoredShard extends Shard {
  /** Byte of the file at which the values begin. */
  readonly start: number;
}

/** Identifies data and model; views may be added to a cache later. */
export async function shardKey(key: OutputCacheKey): Promise<string> {
  const { dataFingerprint, rows, rowSet, model } = key;
  const { name, weights, preprocessing } = model;
  const parts = [dataFingerprint, rows, rowSet, name, weights, preprocessing];
  return sha256(new TextEncoder().encode(JSON.stringify(parts)));
}

/** Writes a shard. */
export async function writeShard(
  id: ShardId,
  { shape, dtype }: CachedOutput,
  { indices, labels, values }: Shard,
): Promise<void> {
  const count = indices.length;
  const tensors: Record<string, SafetensorsTensor> = {
    indices: { dtype: 'I32', shape: [count], data: indices },
    labels: { dtype: 'I32', shape: [count], data: labels },
    values: { dtype, shape: [count, ...shape], data: values },
  };
  await id.store.write(
    shardName(id),
    await encodeChecksummed(tensors, {
      format: SHARD_FORMAT,
      version: VERSION,
      key: id.key,
      output: id.output,
      view: describeView(id.view),
    }),
  );
}

/**
 * Reads a shard. @returns undefined if there is no such file.
 * @throws RangeError on a file that was altered or belongs to another cache.
 */
export async function readShard(
  id: ShardId,
  output: CachedOutput,
  rows: number,
): Promise<StoredShard | undefined> {
  const read = await readShardTensors(id);
  if (read === undefined) return undefined;
  const { caller, tensors, start } = read;
  const { from, to } = shardRows(output, id.shard, rows);
  const count = to - from;
  const column = (name: 'indices' | 'labels') =>
    expectTensor(caller, tensors, name, 'I32', [count]) as Int32Array;
  return {
    indices: column('indices'),
    labels: column('labels'),
    values: expectTensor(caller, tensors, 'values', output.dtype, [count, ...output.shape]) as
      | Float32Array
      | Uint16Array,
    start,
  };
}

/** The tensors of a shard as they are: the first one shows the shape of a cache that was begun. */
export async function readShardTensors(id: ShardId): Promise<
  | {
      readonly caller: string;
      readonly tensors: Readonly<Record<string, SafetensorsTensor | undefined>>;
      readonly start: number;
    }
  | undefined
> {
  const name = shardName(id);
  const bytes = await id.store.read(name);
  if (bytes === undefined) return undefined;
  const caller = `${name} in ${id.store.location}`;
  const { tensors, metadata } = await decodeChecksummed(bytes, caller);
  const expected = {
    format: SHARD_FORMAT,
    version: VERSION,
    key: id.key,
    output: id.output,
    view: describeView(id.view),
  };
  for (const [field, value] of Object.entries(expected))
    ensure(metadata[field] === value, caller, `${field} ${value}`, metadata[field], 'cache again');
  const start = readSafetensorsIndex(byteSource(bytes), caller).tensors.values?.begin ?? 0;
  return { caller, tensors, start };
}

/** Name of a shard's file. */
export function shardName({
  file,
  output,
  viewNumber,
  shard,
}: Pick<ShardId, 'file' | 'output' | 'viewNumber' | 'shard'>): string {
  const stem = file.replace(/\.safetensors$/, '');
  return `${stem}.${encodeURIComponent(output)}.view${viewNumber}.shard${shard}.safetensors`;
}

/**
 * Chooses the size of an output's shards. @param shape Shape for one image.
 * @param shardBytes Bytes of a shard's values at most; a shard has one row at least.
 */
export function layoutOutput(
  shape: readonly number[],
  dtype: CachedOutput['dtype'],
  rows: number,
  shardBytes: number,
): CachedOutput {
  const bytes = sizeOf({ shape }) * (dtype === 'F16' ? 2 : 4);
  return {
    shape,
    dtype,
    rowsPerShard: Math.min(rows, Math.max(1, Math.floor(shardBytes / bytes))),
  };
}

/** Number of values for one image. */
export function sizeOf({ shape }: Pick<CachedOutput, 'shape'>): number {
  return shape.reduce((size, side) => size * side, 1);
}

/** Number of shards of an output under one view. */
export function countShards({ rowsPerShard }: CachedOutput, rows: number): number {
  return Math.ceil(rows / rowsPerShard);
}

/** Range of the rows of a shard. */
export function shardRows(
  { rowsPerShard }: CachedOutput,
  shard: number,
  rows: number,
): { readonly from: number; readonly to: number } {
  return { from: shard * rowsPerShard, to: Math.min(rows, (shard + 1) * rowsPerShard) };
}

function describeView({ spec, seed }: ViewKey): string {
  return `${spec} from seed ${seed}`;
}

/** Checks the outputs of a manifest. @throws RangeError */
function checkOutputs(caller: string, outputs: unknown): void {
  if (typeof outputs !== 'object' || outputs === null)
    throw expectedError(caller, 'outputs by name', outputs);
  for (const [name, output] of Object.entries<Partial<CachedOutput> | null>(
    outputs as Record<string, null>,
  )) {
    const { shape, dtype, rowsPerShard } = output ?? {};
    const isShape =
      Array.isArray(shape) && shape.length >= 1 && shape.length <= 3 && shape.every(isCount);
    ensure(isShape, caller, `a shape of one to three whole numbers ≥ 1 for ${name}`, shape);
    ensure(dtype === 'F32' || dtype === 'F16', caller, `${name} in F32 or F16`, dtype);
    ensure(isCount(rowsPerShard), caller, 'rowsPerShard as a whole number ≥ 1', rowsPerShard);
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function expectTensor(
  caller: string,
  tensors: Readonly<Record<string, SafetensorsTensor | undefined>>,
  name: string,
  dtype: string,
  shape: readonly number[],
): SafetensorsTensor['data'] {
  const tensor = tensors[name];
  ensure(
    tensor?.dtype === dtype && tensor.shape.join() === shape.join(),
    caller,
    `${name} in ${dtype} [${shape.join(', ')}]`,
    tensor === undefined ? 'nothing' : `${tensor.dtype} [${tensor.shape.join(', ')}]`,
  );
  return tensor.data;
}

import {
  type Batch,
  type DataLoader,
  ensure,
  expectedError,
  type ModelFingerprint,
  type ProgressFactory,
  type Store,
  type Teacher,
} from '@kd/core';
import { seal, unseal } from '../checkpoints/sealed.ts';
import { ofThis } from '../recordings/ofThis.ts';
import { passes } from '../recordings/passes.ts';
import { expectRecordable } from '../recordings/recordFeatures.ts';
import { ask, disposeOutputs } from './ask.ts';
import {
  accuraciesOf,
  expectClasses,
  expectRecordingOf,
  type OutputCache,
  type OutputCacheKey,
  RECORDING_FORMAT,
  RECORDING_VERSION,
  type Recorded,
  recordedOf,
  TEACHER_FILE,
  wantedOf,
  wantedRowsOf,
} from './manifest.ts';
import { recordedWithTaps } from './recordTaps.ts';

export interface CacheOutputsOptions {
  /** Must have an identity, as `networkTeacher` and `ensemble` do. */
  readonly teacher: Teacher;
  readonly data: DataLoader;
  readonly store: Store;
  readonly file?: string | undefined;
  /**
   * Views to record, from the first; all of the source by default. Fewer suit a training of fewer
   * epochs.
   */
  readonly views?: number | undefined;
  /** Names of the teacher's features to keep beside its logits, for losses on features; none. */
  readonly taps?: readonly string[] | undefined;
  /** Of the taps: `float32`, or `float16`, which takes half the room and keeps three digits. */
  readonly dtype?: 'float32' | 'float16' | undefined;
  readonly createProgress?: ProgressFactory | undefined;
  /** Stops it. Without taps nothing is written then; with taps the next call goes on from there. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lets a teacher look at every row under every view once, and keeps its logits in one file:
 * `logits` F32 [views, rows, classes], `rows` I32 [rows],
 * and a manifest that says of what they are. Memory: 4 bytes · views · rows · classes. Activations
 * of `taps` go into files of at most 32 MiB beside it.
 * A recording of the same teacher, data and views that is there already is returned as it is; any
 * other file of that name is replaced.
 * @throws RangeError where the source has infinitely many views, on a tap that the teacher does not
 * give, and on numbers that are not finite.
 */
export async function cacheOutputs(options: CacheOutputsOptions): Promise<OutputCache> {
  const {
    teacher,
    data: batches,
    store,
    file = TEACHER_FILE,
    views = batches.viewCount,
    taps = [],
  } = options;
  expectRecordable('cacheOutputs', batches, views);
  const identity = await identityOfTeacher(teacher);
  const wanted =
    taps.length === 0
      ? await wantedOf(batches, identity, views)
      : await wantedRowsOf(batches, identity, views);
  const known = taps.length === 0 ? await found(store, file, wanted) : undefined;
  if (known !== undefined) return known;
  const { manifest, logits, rows } = await (taps.length === 0
    ? recorded(options, wanted)
    : recordedWithTaps({ ...options, file, taps }, wanted));
  const tensors = {
    logits: { dtype: 'F32', shape: [views, wanted.rows, wanted.classes], data: logits },
    rows: { dtype: 'I32', shape: [wanted.rows], data: rows },
  } as const;
  await store.write(
    file,
    await seal(tensors, {
      format: RECORDING_FORMAT,
      version: RECORDING_VERSION,
      manifest: JSON.stringify(manifest),
    }),
  );
  return manifest;
}

/**
 * What is there already; undefined where it is of something else or was altered: that is what
 * recording again is for.
 */
function found(
  store: Store,
  file: string,
  wanted: OutputCacheKey,
): Promise<OutputCache | undefined> {
  return ofThis(async () => {
    const bytes = await store.read(file);
    if (bytes === undefined) return undefined;
    const { manifest } = recordedOf(await unseal(bytes, file, true), file);
    expectRecordingOf(file, manifest, wanted);
    return manifest;
  });
}

/** @throws RangeError where a teacher cannot say who it is. */
export async function identityOfTeacher({
  fingerprint: identity,
}: Teacher): Promise<ModelFingerprint> {
  if (identity === undefined)
    throw expectedError(
      'cacheOutputs',
      'a teacher with an identity',
      'none',
      'frozen(network) has one',
    );
  return identity();
}

async function recorded(
  { teacher, data: batches, createProgress, signal }: CacheOutputsOptions,
  wanted: OutputCacheKey,
): Promise<Recorded> {
  const { rows: count, classes, views } = wanted;
  const logits = new Float32Array(views.length * count * classes);
  const rows = new Int32Array(count);
  const labels = new Int32Array(count);
  const label = `record ${wanted.teacher.name}`;
  for await (const { batch, view, at } of passes({
    where: 'cacheOutputs',
    batches,
    views: views.length,
    label,
    createProgress,
    signal,
  })) {
    if (view === 0) {
      rows.set(batch.indices, at);
      labels.set((await batch.labels.data()) as Int32Array, at);
    }
    logits.set(await logitsOf(teacher, batch, classes), (view * count + at) * classes);
  }
  return {
    manifest: { ...wanted, accuracy: accuraciesOf({ logits, rows }, classes, labels) },
    logits,
    rows,
  };
}

async function logitsOf(teacher: Teacher, batch: Batch, classes: number): Promise<Float32Array> {
  const outputs = await ask(teacher, batch);
  expectClasses(outputs, batch, classes);
  const values = (await outputs.logits.data()) as Float32Array;
  disposeOutputs(outputs);
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  ensure(
    wrong < 0,
    'cacheOutputs',
    'finite logits',
    `${values[wrong]} for row ${batch.indices[Math.floor(wrong / classes)]}`,
    'the teacher has diverged',
  );
  return values;
}

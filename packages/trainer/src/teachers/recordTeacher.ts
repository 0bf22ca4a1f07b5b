import { type Batch, type BatchSource, ensure, type OpenProgress, type Store, type Teacher, type TeacherIdentity, unexpected } from '@kd/core';
import { breathe } from '../breathe.ts';
import { seal, unseal } from '../checkpoints/sealed.ts';
import { ask, disposeOutputs } from './ask.ts';
import {
  accuracyOf,
  expectRecordingOf,
  RECORDING_FORMAT,
  RECORDING_VERSION,
  type Recorded,
  type Recording,
  recordedOf,
  TEACHER_FILE,
  wantedOf,
} from './manifest.ts';

export interface RecordOptions {
  /** Must have an identity, as `frozen` and `ensemble` do. */
  readonly teacher: Teacher;
  readonly batches: BatchSource;
  readonly store: Store;
  readonly file?: string | undefined;
  /** Views to record, from the first; all of the source by default. Fewer suit a training of fewer epochs. */
  readonly views?: number | undefined;
  readonly openProgress?: OpenProgress | undefined;
  /** Stops it; nothing is written then. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lets a teacher look at every row under every view once, and keeps its logits in one file: `logits` F32 [views, rows, classes], `rows` I32 [rows],
 * and a manifest that says of what they are. Memory: 4 bytes · views · rows · classes.
 * A recording of the same teacher, data and views that is there already is returned as it is; any other file of that name is replaced.
 * @throws RangeError where the source has infinitely many views, and on logits that are not finite.
 */
export async function recordTeacher(options: RecordOptions): Promise<Recording> {
  const { teacher, batches, store, file = TEACHER_FILE, views = batches.viewCount } = options;
  ensure(Number.isFinite(views), 'recordTeacher', 'a source with a finite number of views', views, 'pass viewCount to batches, such as viewCount: 8');
  ensure(Number.isInteger(views) && views >= 1 && views <= batches.viewCount, 'recordTeacher', `views from 1 to ${batches.viewCount}`, views);
  const remedy = 'record in one process, before the group';
  ensure(batches.shard === undefined, 'recordTeacher', 'whole batches', `shard ${batches.shard?.rank} of ${batches.shard?.size}`, remedy);
  const wanted = await wantedOf(batches, await identityOfTeacher(teacher), views);
  const bytes = await store.read(file);
  if (bytes !== undefined) {
    try {
      const { manifest } = recordedOf(await unseal(bytes, file, true), file);
      expectRecordingOf(file, manifest, wanted);
      return manifest;
    } catch (error) {
      // It is of something else, or was altered: that is what recording again is for.
      if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
    }
  }
  const { manifest, logits, rows } = await recorded(options, wanted);
  const tensors = {
    logits: { dtype: 'F32', shape: [views, wanted.rows, wanted.classes], data: logits },
    rows: { dtype: 'I32', shape: [wanted.rows], data: rows },
  } as const;
  await store.write(file, await seal(tensors, { format: RECORDING_FORMAT, version: RECORDING_VERSION, manifest: JSON.stringify(manifest) }));
  return manifest;
}

/** @throws RangeError where a teacher cannot say who it is. */
export async function identityOfTeacher({ identity }: Teacher): Promise<TeacherIdentity> {
  if (identity === undefined) throw unexpected('recordTeacher', 'a teacher with an identity', 'none', 'frozen(network) has one');
  return identity();
}

async function recorded({ teacher, batches, openProgress, signal }: RecordOptions, wanted: Omit<Recording, 'accuracy'>): Promise<Recorded> {
  const { rows: count, classes, views } = wanted;
  const logits = new Float32Array(views.length * count * classes);
  const rows = new Int32Array(count);
  const labels = new Map<number, number>();
  const progress = openProgress?.(`record ${wanted.teacher.name}`, views.length * count, 'images');
  let done = 0;
  try {
    for (const view of views.keys()) {
      for await (const batch of batches.pass(view)) {
        signal?.throwIfAborted();
        ensure(done + batch.indices.length <= (view + 1) * count, 'recordTeacher', `${count} rows in view ${view}`, 'more');
        if (view === 0) await notice(batch, rows, labels, done);
        logits.set(await logitsOf(teacher, batch, classes), done * classes);
        done += batch.indices.length;
        progress?.update(done);
        await breathe();
      }
      ensure(done === (view + 1) * count, 'recordTeacher', `${count} rows in view ${view}`, done - view * count);
    }
  } finally {
    progress?.end();
  }
  const accuracy = accuracyOf({ logits, rows }, classes, (row) => labels.get(row) ?? -1);
  return { manifest: { ...wanted, accuracy }, logits, rows };
}

async function notice({ indices, labels: tensor }: Batch, rows: Int32Array, labels: Map<number, number>, done: number): Promise<void> {
  const values = await tensor.data();
  rows.set(indices, done);
  for (const [at, row] of indices.entries()) labels.set(row, values[at] as number);
}

async function logitsOf(teacher: Teacher, batch: Batch, classes: number): Promise<Float32Array> {
  const outputs = await ask(teacher, batch);
  const [count, answers] = outputs.logits.shape;
  const values = (await outputs.logits.data()) as Float32Array;
  disposeOutputs(outputs);
  ensure(count === batch.indices.length && answers === classes, 'recordTeacher', `a teacher of ${classes} classes`, answers);
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  ensure(
    wrong < 0,
    'recordTeacher',
    'finite logits',
    `${values[wrong]} for row ${batch.indices[Math.floor(wrong / classes)]}`,
    'the teacher has diverged',
  );
  return values;
}

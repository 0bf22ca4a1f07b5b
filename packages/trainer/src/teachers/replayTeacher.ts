import {
  type Batch,
  type DataLoader,
  ensure,
  expectedError,
  type ModelFingerprint,
  type Store,
  type Teacher,
} from '@kd/core';
import { type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import { unseal } from '../checkpoints/sealed.ts';
import { gatherer, placesOf, viewNumbers } from '../recordings/lookUp.ts';
import {
  accuracyOf,
  expectRecordingOf,
  type Recorded,
  recordedOf,
  TEACHER_FILE,
  wantedOf,
  wantedRowsOf,
} from './manifest.ts';
import { withTaps } from './replayTaps.ts';

export interface CachedTeacherOptions {
  readonly store: Store;
  readonly file?: string | undefined;
  /** What will be trained on; the recording must be of it. */
  readonly data: DataLoader;
  /** Who is to be replayed: `await teacher.identity()`. */
  readonly teacher: ModelFingerprint;
  /**
   * Features that must be there, and are given beside the logits; none. Memory: all rows under one
   * view.
   */
  readonly taps?: readonly string[] | undefined;
  /** Views that must be there, from the first; all of the source by default. */
  readonly views?: number | undefined;
}

/**
 * A recorded teacher: looks logits, and taps where they are asked for, up by row and view. It costs
 * a copy of so many numbers a picture.
 * A teacher with taps reads a view when its first batch comes: ask it by `later`, as `train` does.
 *
 * Before it speaks, the recording's data set, teacher and views must be those given, and its
 * accuracy, counted again against the labels of
 * `dataLoader`, that of its manifest: rows that got mixed up show here.
 * @throws RangeError that names what does not fit; later, on a row or a view that was not recorded.
 */
export async function cachedTeacher(options: CachedTeacherOptions): Promise<Teacher> {
  const {
    store,
    file = TEACHER_FILE,
    data: batches,
    teacher,
    views = batches.viewCount,
    taps = [],
  } = options;
  const where = `${file} in ${store.location}`;
  ensure(
    Number.isFinite(views),
    'cachedTeacher',
    'a source with a finite number of views',
    views,
    'pass viewCount to batches',
  );
  const bytes = await store.read(file);
  if (bytes === undefined)
    throw expectedError(
      'cachedTeacher',
      where,
      'no such file',
      'record the teacher first: cacheOutputs',
    );
  const recorded = recordedOf(await unseal(bytes, where, true), where);
  expectRecordingOf(
    where,
    recorded.manifest,
    await (taps.length === 0 ? wantedOf : wantedRowsOf)(batches, teacher, views),
  );
  await expectAccuracy(where, recorded, batches);
  const logitsOf = lookUp(where, recorded);
  const identity = async () => teacher;
  if (taps.length === 0)
    return Object.assign((batch: Batch) => ({ logits: logitsOf(batch), features: {} }), {
      identity,
    });
  return Object.assign(withTaps(options, where, recorded, taps, logitsOf), { identity });
}

async function expectAccuracy(
  caller: string,
  recorded: Recorded,
  batches: DataLoader,
): Promise<void> {
  const labels = new Map<number, number>();
  for await (const { indices, labels: tensor } of batches.iterateOnce()) {
    const values = await tensor.data();
    for (const [at, row] of indices.entries()) labels.set(row, values[at] as number);
  }
  const { accuracy, classes } = recorded.manifest;
  for (const [view, got] of accuracyOf(
    recorded,
    classes,
    (row) => labels.get(row) ?? -1,
  ).entries()) {
    const expected = accuracy[view] as number;
    const remedy = 'rows and logits do not belong together; record the teacher again';
    ensure(
      Math.abs(got - expected) < 1e-9,
      caller,
      `accuracy ${expected} in view ${view}`,
      got,
      remedy,
    );
  }
}

/** @returns [batch, classes]. */
function lookUp(caller: string, { manifest, logits, rows }: Recorded): (batch: Batch) => Tensor2D {
  const { classes, views } = manifest;
  const placesIn = placesOf(caller, rows, 'record the teacher on these pictures too');
  const numberOf = viewNumbers(caller, views);
  const gather = gatherer();
  return ({ indices, view }) => {
    const start = numberOf(view) * rows.length * classes;
    return tensor2d(gather(logits, classes, placesIn(indices), start), [indices.length, classes]);
  };
}

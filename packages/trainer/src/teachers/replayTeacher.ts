import { type BatchSource, ensure, type Store, type Teacher, type TeacherIdentity, unexpected, type ViewKey } from '@kd/core';
import { tensor2d } from '@tensorflow/tfjs-core';
import { unseal } from '../checkpoints/sealed.ts';
import { accuracyOf, expectRecordingOf, type Recorded, recordedOf, TEACHER_FILE, wantedOf } from './manifest.ts';

export interface ReplayOptions {
  readonly store: Store;
  readonly file?: string | undefined;
  /** What will be trained on; the recording must be of it. */
  readonly batches: BatchSource;
  /** Who is to be replayed: `await teacher.identity()`. */
  readonly teacher: TeacherIdentity;
  /** Views that must be there, from the first; all of the source by default. */
  readonly views?: number | undefined;
}

/**
 * A recorded teacher: looks logits up by row and view. It costs a copy of `classes` numbers a picture, and no features.
 *
 * Before it speaks, the recording's data set, teacher and views must be those given, and its accuracy, counted again against the labels of
 * `batches`, that of its manifest: rows that got mixed up show here.
 * @throws RangeError that names what does not fit; later, on a row or a view that was not recorded.
 */
export async function replayTeacher(options: ReplayOptions): Promise<Teacher> {
  const { store, file = TEACHER_FILE, batches, teacher, views = batches.viewCount } = options;
  const where = `${file} in ${store.place}`;
  ensure(Number.isFinite(views), 'replayTeacher', 'a source with a finite number of views', views, 'pass viewCount to batches');
  const bytes = await store.read(file);
  if (bytes === undefined) throw unexpected('replayTeacher', where, 'no such file', 'record the teacher first: recordTeacher');
  const recorded = recordedOf(await unseal(bytes, where, true), where);
  expectRecordingOf(where, recorded.manifest, await wantedOf(batches, teacher, views));
  await expectAccuracy(where, recorded, batches);
  return Object.assign(lookUp(where, recorded), { identity: async () => teacher });
}

async function expectAccuracy(where: string, recorded: Recorded, batches: BatchSource): Promise<void> {
  const labels = new Map<number, number>();
  for await (const { indices, labels: tensor } of batches.pass()) {
    const values = await tensor.data();
    for (const [at, row] of indices.entries()) labels.set(row, values[at] as number);
  }
  const { accuracy, classes } = recorded.manifest;
  for (const [view, got] of accuracyOf(recorded, classes, (row) => labels.get(row) ?? -1).entries()) {
    const expected = accuracy[view] as number;
    const remedy = 'rows and logits do not belong together; record the teacher again';
    ensure(Math.abs(got - expected) < 1e-9, where, `accuracy ${expected} in view ${view}`, got, remedy);
  }
}

function lookUp(where: string, { manifest, logits, rows }: Recorded): Teacher {
  const { classes, views } = manifest;
  const places = new Int32Array(rows.reduce((most, row) => Math.max(most, row), 0) + 1).fill(-1);
  for (const [at, row] of rows.entries()) places[row] = at;
  const known = new Map(views.map((view, number) => [keyOf(view), number]));
  return ({ indices, view }) => {
    const number = known.get(keyOf(view));
    if (number === undefined) throw unexpected(where, `a view among ${known.size} recorded`, `${view.spec} from seed ${view.seed}`, 'record it too');
    const chosen = new Float32Array(indices.length * classes);
    for (let at = 0; at < indices.length; at++) {
      const place = places[indices[at] as number] ?? -1;
      if (place < 0) throw unexpected(where, `a row among ${rows.length} recorded`, indices[at], 'record the teacher on these pictures too');
      const start = (number * rows.length + place) * classes;
      chosen.set(logits.subarray(start, start + classes), at * classes);
    }
    return { logits: tensor2d(chosen, [indices.length, classes]), features: {} };
  };
}

function keyOf({ spec, seed }: ViewKey): string {
  return `${spec} from ${seed}`;
}

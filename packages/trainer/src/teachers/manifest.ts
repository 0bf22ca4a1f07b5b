import { type BatchSource, type DecodedSafetensors, ensure, type TeacherIdentity, unexpected, type ViewKey } from '@kd/core';

/** What a recording says of itself. */
export interface Recording {
  /** Of the data set. */
  readonly dataName: string;
  readonly dataIdentity: string;
  readonly teacher: TeacherIdentity;
  /** In the order of the file. */
  readonly views: readonly ViewKey[];
  readonly rows: number;
  readonly classes: number;
  /** Top-1 accuracy of the teacher on each view, 0–1. */
  readonly accuracy: readonly number[];
}

/** A recording as it lies in memory. */
export interface Recorded {
  readonly manifest: Recording;
  /** [views, rows, classes], before softmax. */
  readonly logits: Float32Array;
  /** Row numbers in the whole image set, in the order of the logits. */
  readonly rows: Int32Array;
}

export const RECORDING_FORMAT = 'kd-teacher-logits';
export const RECORDING_VERSION = '1';
/** File name where none is given. */
export const TEACHER_FILE = 'teacher.safetensors';

/** @throws RangeError on a file that is no recording or whose parts do not fit together. */
export function recordedOf({ tensors, metadata }: DecodedSafetensors, where: string): Recorded {
  ensure(metadata.format === RECORDING_FORMAT, where, `format ${RECORDING_FORMAT}`, metadata.format, 'it is no recording of a teacher');
  ensure(metadata.version === RECORDING_VERSION, where, `version ${RECORDING_VERSION}`, metadata.version, 'record the teacher again');
  ensure(metadata.manifest !== undefined, where, 'metadata manifest', 'nothing');
  const manifest = JSON.parse(metadata.manifest) as Recording;
  const { logits, rows } = tensors;
  ensure(logits?.data instanceof Float32Array, where, 'logits in F32', logits?.dtype);
  ensure(rows?.data instanceof Int32Array, where, 'rows in I32', rows?.dtype);
  const shape = [manifest.views.length, manifest.rows, manifest.classes];
  ensure(logits.shape.join() === shape.join(), where, `logits of shape [${shape.join(', ')}]`, logits.shape);
  ensure(rows.shape.join() === String(manifest.rows), where, `rows of shape [${manifest.rows}]`, rows.shape);
  return { manifest, logits: logits.data, rows: rows.data };
}

/** What a recording for this source and teacher must say, but for the accuracy. */
export async function wantedOf(batches: BatchSource, teacher: TeacherIdentity, views: number): Promise<Omit<Recording, 'accuracy'>> {
  return {
    dataName: batches.data.name,
    dataIdentity: await batches.data.identity(),
    teacher,
    views: Array.from({ length: views }, (_, number) => batches.view(number)),
    rows: batches.rows,
    classes: batches.data.classNames.length,
  };
}

/** Throws, by name, where a recording is of something else than what is wanted. */
export function expectRecordingOf(where: string, found: Recording, wanted: Omit<Recording, 'accuracy'>): void {
  const again = 'record the teacher again';
  const same = (what: string, expected: string | number, got: string | number) =>
    ensure(expected === got, where, `a recording of ${what} ${expected}`, got, again);
  same('the data set', `${wanted.dataName} (${wanted.dataIdentity})`, `${found.dataName} (${found.dataIdentity})`);
  same('a teacher with the weights', wanted.teacher.weights, found.teacher.weights);
  same('a teacher with the preparation', wanted.teacher.preparation, found.teacher.preparation);
  same('the teacher', wanted.teacher.name, found.teacher.name);
  same('classes', wanted.classes, found.classes);
  same('rows', wanted.rows, found.rows);
  for (const [number, view] of wanted.views.entries()) {
    const other = found.views[number];
    if (other === undefined) throw unexpected(where, `a recording of ${wanted.views.length} views`, found.views.length, again);
    same(`view ${number} as`, view.spec, other.spec);
    same(`view ${number} from the seed`, view.seed, other.seed);
  }
}

/** @returns Top-1 accuracy of each view. @param labelOf By row number. */
export function accuracyOf({ logits, rows }: Omit<Recorded, 'manifest'>, classes: number, labelOf: (row: number) => number): number[] {
  const views = logits.length / (rows.length * classes);
  return Array.from({ length: views }, (_, view) => {
    const right = rows.reduce((count, row, at) => count + Number(largest(logits, (view * rows.length + at) * classes, classes) === labelOf(row)), 0);
    return right / rows.length;
  });
}

/** The first of the largest. */
function largest(values: Float32Array, start: number, count: number): number {
  let best = 0;
  for (let at = 1; at < count; at++) if ((values[start + at] as number) > (values[start + best] as number)) best = at;
  return best;
}

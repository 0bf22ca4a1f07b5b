import {
  type Batch,
  type DataLoader,
  ensure,
  expectedError,
  type ModelFingerprint,
  type Outputs,
  sha256,
  type ViewKey,
} from '@kd/core';
import type { DecodedSafetensors } from '@kd/files';
import { checkedLayout, type Layout } from '../recordings/layout.ts';
import { disposeOutputs } from './ask.ts';

/** Of what a recording is. */
export interface OutputCacheKey {
  /** Of the data set. */
  readonly dataName: string;
  readonly dataIdentity: string;
  /** Who was asked. */
  readonly teacher: ModelFingerprint;
  /** In the order of the file. */
  readonly views: readonly ViewKey[];
  readonly rows: number;
  /** sha256 of the row numbers, ascending, where activations are recorded. */
  readonly rowSet?: string;
  readonly classes: number;
}

/** What a recording of a teacher says of itself. */
export interface OutputCache extends OutputCacheKey {
  /** Top-1 accuracy of the teacher on each view, 0–1. */
  readonly accuracy: readonly number[];
  /** Where taps were recorded: what is in the files beside it. */
  readonly layout?: Layout;
}

/** A recording as it lies in memory. */
export interface Recorded {
  readonly manifest: OutputCache;
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
export function recordedOf({ tensors, metadata }: DecodedSafetensors, caller: string): Recorded {
  ensure(
    metadata.format === RECORDING_FORMAT,
    caller,
    `format ${RECORDING_FORMAT}`,
    metadata.format,
    'it is no recording of a teacher',
  );
  ensure(
    metadata.version === RECORDING_VERSION,
    caller,
    `version ${RECORDING_VERSION}`,
    metadata.version,
    'record the teacher again',
  );
  ensure(metadata.manifest !== undefined, caller, 'metadata manifest', 'nothing');
  const manifest = JSON.parse(metadata.manifest) as OutputCache;
  const { logits, rows } = tensors;
  ensure(logits?.data instanceof Float32Array, caller, 'logits in F32', logits?.dtype);
  ensure(rows?.data instanceof Int32Array, caller, 'rows in I32', rows?.dtype);
  const shape = [manifest.views.length, manifest.rows, manifest.classes];
  ensure(
    logits.shape.join() === shape.join(),
    caller,
    `logits of shape [${shape.join(', ')}]`,
    logits.shape,
  );
  ensure(
    rows.shape.join() === String(manifest.rows),
    caller,
    `rows of shape [${manifest.rows}]`,
    rows.shape,
  );
  const { layout } = manifest;
  return {
    manifest: { ...manifest, ...(layout && { layout: checkedLayout(caller, layout) }) },
    logits: logits.data,
    rows: rows.data,
  };
}

/** What a recording for this source and teacher must say, but for the accuracy. */
export async function wantedOf(
  batches: DataLoader,
  teacher: ModelFingerprint,
  views: number,
): Promise<OutputCacheKey> {
  return {
    dataName: batches.dataset.name,
    dataIdentity: await batches.dataset.fingerprint(),
    teacher,
    views: Array.from({ length: views }, (_, number) => batches.view(number)),
    rows: batches.size,
    classes: batches.dataset.classNames.length,
  };
}

/** The same for a recording of activations, whose rows must be the same ones too. */
export async function wantedRowsOf(
  batches: DataLoader,
  asked: ModelFingerprint,
  views: number,
): Promise<OutputCacheKey> {
  const rows = batches.order(0).slice().sort();
  return {
    ...(await wantedOf(batches, asked, views)),
    rowSet: await sha256(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)),
  };
}

/**
 * Throws, by name, where a recording is of something else than what is wanted. @param who Was
 * asked.
 */
export function expectRecordingOf(
  caller: string,
  found: OutputCacheKey,
  wanted: OutputCacheKey,
  who = 'teacher',
): void {
  const again = `record the ${who} again`;
  const same = (what: string, expected: string | number, got: string | number) =>
    ensure(expected === got, caller, `a recording of ${what} ${expected}`, got, again);
  same(
    'the data set',
    `${wanted.dataName} (${wanted.dataIdentity})`,
    `${found.dataName} (${found.dataIdentity})`,
  );
  same(`a ${who} with the weights`, wanted.teacher.weights, found.teacher.weights);
  same(`a ${who} with the preparation`, wanted.teacher.preprocessing, found.teacher.preprocessing);
  same(`the ${who}`, wanted.teacher.name, found.teacher.name);
  same('classes', wanted.classes, found.classes);
  same('rows', wanted.rows, found.rows);
  if (wanted.rowSet !== undefined) same('the rows', wanted.rowSet, found.rowSet ?? 'others');
  for (const [number, view] of wanted.views.entries()) {
    const other = found.views[number];
    if (other === undefined)
      throw expectedError(
        caller,
        `a recording of ${wanted.views.length} views`,
        found.views.length,
        again,
      );
    same(`view ${number} as`, view.spec, other.spec);
    same(`view ${number} from the seed`, view.seed, other.seed);
  }
}

/** The same with the labels in the order of the rows. */
export function accuraciesOf(
  recorded: Omit<Recorded, 'manifest'>,
  classes: number,
  labels: Int32Array,
): number[] {
  const known = new Map(Array.from(recorded.rows, (row, at) => [row, labels[at] as number]));
  return accuracyOf(recorded, classes, (row) => known.get(row) ?? -1);
}

/** Throws, and frees, where a teacher does not say what there is to say. */
export function expectClasses(outputs: Outputs, { indices }: Batch, classes: number): void {
  const [count, answers] = outputs.logits.shape;
  if (count === indices.length && answers === classes) return;
  disposeOutputs(outputs);
  throw expectedError('cacheOutputs', `a teacher of ${classes} classes`, answers);
}

/** @returns Top-1 accuracy of each view. @param labelOf By row number. */
export function accuracyOf(
  { logits, rows }: Omit<Recorded, 'manifest'>,
  classes: number,
  labelOf: (row: number) => number,
): number[] {
  const views = logits.length / (rows.length * classes);
  return Array.from({ length: views }, (_, view) => {
    const right = rows.reduce(
      (count, row, at) =>
        count +
        Number(largest(logits, (view * rows.length + at) * classes, classes) === labelOf(row)),
      0,
    );
    return right / rows.length;
  });
}

/** The first of the largest. */
function largest(values: Float32Array, start: number, count: number): number {
  let best = 0;
  for (let at = 1; at < count; at++)
    if ((values[start + at] as number) > (values[start + best] as number)) best = at;
  return best;
}

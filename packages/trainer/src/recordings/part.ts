import { ensure, type Store, sha256, type ViewKey } from '@kd/core';
import type { SafetensorsTensor } from '@kd/files';
import { seal, unseal } from '../checkpoints/sealed.ts';
import type { OutputCacheKey } from '../teachers/manifest.ts';
import { type Layout, rowsOfPart } from './layout.ts';

/** The parts of a recording: where they are and of what they must be. */
export interface Parts {
  readonly store: Store;
  /** Of the recording; the parts are called after it. */
  readonly file: string;
  /** Data, rows and who was asked, as one number. */
  readonly key: string;
  /** Rows in all. */
  readonly rows: number;
}

/** Some rows under one view. */
export interface Part {
  readonly rows: Int32Array;
  readonly labels: Int32Array;
  /** By the names of the layout. */
  readonly tensors: Readonly<Record<string, Float32Array | Uint16Array>>;
}

const FORMAT = 'kd-recording-part';

/** What all parts of a recording agree about; further views can be recorded later. */
export async function keyOf({
  dataIdentity,
  teacher,
  rows,
  rowSet = '',
}: OutputCacheKey): Promise<string> {
  const { name, weights, preprocessing: preparation } = teacher;
  return sha256(
    new TextEncoder().encode(
      JSON.stringify([dataIdentity, rows, rowSet, name, weights, preparation]),
    ),
  );
}

export async function writePart(
  parts: Parts,
  layout: Layout,
  view: ViewKey,
  viewNumber: number,
  part: number,
  content: Part,
): Promise<void> {
  const count = content.rows.length;
  const tensors: Record<string, SafetensorsTensor> = {
    rows: { dtype: 'I32', shape: [count], data: content.rows },
    labels: { dtype: 'I32', shape: [count], data: content.labels },
  };
  for (const [name, { dtype, shape }] of Object.entries(layout.tensors)) {
    tensors[name] = {
      dtype,
      shape: [count, ...shape],
      data: content.tensors[name] as Float32Array | Uint16Array,
    };
  }
  await parts.store.write(
    nameOf(parts, viewNumber, part),
    await seal(tensors, { format: FORMAT, key: parts.key, view: textOf(view) }),
  );
}

/**
 * @returns undefined where there is no such file.
 * @throws RangeError on a file that was altered, or that is of something else.
 */
export async function readPart(
  parts: Parts,
  layout: Layout,
  view: ViewKey,
  viewNumber: number,
  part: number,
): Promise<Part | undefined> {
  const read = await readTensors(parts, view, viewNumber, part);
  if (read === undefined) return undefined;
  const { where, tensors } = read;
  const { from, to } = rowsOfPart(layout, part, parts.rows);
  const found = (name: string, dtype: string, shape: readonly number[]) => {
    const tensor = tensors[name];
    ensure(
      tensor?.dtype === dtype && tensor.shape.join() === shape.join(),
      where,
      `${name} in ${dtype} [${shape.join(', ')}]`,
      describe(tensor),
    );
    return tensor.data;
  };
  const names = Object.entries(layout.tensors);
  return {
    rows: found('rows', 'I32', [to - from]) as Int32Array,
    labels: found('labels', 'I32', [to - from]) as Int32Array,
    tensors: Object.fromEntries(
      names.map(([name, { dtype, shape }]) => [
        name,
        found(name, dtype, [to - from, ...shape]) as Float32Array | Uint16Array,
      ]),
    ),
  };
}

/**
 * The tensors of a part as they are, by which the layout of a recording that was begun is known.
 */
export async function readTensors(parts: Parts, view: ViewKey, viewNumber: number, part: number) {
  const name = nameOf(parts, viewNumber, part);
  const bytes = await parts.store.read(name);
  if (bytes === undefined) return undefined;
  const where = `${name} in ${parts.store.location}`;
  const { tensors, metadata } = await unseal(bytes, where, true);
  const again = 'record again';
  ensure(metadata.format === FORMAT, where, `format ${FORMAT}`, metadata.format, again);
  ensure(
    metadata.key === parts.key,
    where,
    `a part of the recording ${parts.key}`,
    metadata.key,
    again,
  );
  ensure(metadata.view === textOf(view), where, `the view ${textOf(view)}`, metadata.view, again);
  return { where, tensors };
}

export function nameOf({ file }: Parts, viewNumber: number, part: number): string {
  return `${file.replace(/\.safetensors$/, '')}.view${viewNumber}.part${part}.safetensors`;
}

function textOf({ spec, seed }: ViewKey): string {
  return `${spec} from ${seed}`;
}

function describe(tensor: SafetensorsTensor | undefined): string {
  return tensor === undefined ? 'nothing' : `${tensor.dtype} [${tensor.shape.join(', ')}]`;
}

import { ensure, expectedError, type ViewKey } from '@kd/core';
import { type Layout, partsOf, rowsOfPart, sizeOf } from './layout.ts';
import { nameOf, type Parts, readPart } from './part.ts';

/** All rows under one view, as they are kept: by the names of their tensors. */
export type RecordedView = Readonly<Record<string, Float32Array | Uint16Array>>;

/**
 * Reads the parts of a view.
 * @param rows In their order. @param names Of the tensors wanted, of those in the layout.
 * @throws RangeError on a part that is missing, was altered or is of something else.
 */
export async function readView(
  parts: Parts,
  layout: Layout,
  view: ViewKey,
  viewNumber: number,
  rows: Int32Array,
  names: readonly string[],
): Promise<RecordedView> {
  const wanted = Object.entries(layout.tensors).filter(([name]) => names.includes(name));
  const tensors: Record<string, Float32Array | Uint16Array> = {};
  for (let part = 0; part < partsOf(layout, parts.rows); part++) {
    const name = `${nameOf(parts, viewNumber, part)} in ${parts.store.location}`;
    const read = await readPart(parts, layout, view, viewNumber, part);
    if (read === undefined) throw expectedError(parts.file, name, 'no such file', 'record again');
    const { from, to } = rowsOfPart(layout, part, parts.rows);
    ensure(
      read.rows.join() === rows.subarray(from, to).join(),
      name,
      'the rows of the recording in their order',
      'others',
      'record again',
    );
    // Nothing is set aside before the first file has shown that the numbers are there.
    for (const [tensor, feature] of wanted) {
      const size = sizeOf(feature);
      tensors[tensor] ??=
        feature.dtype === 'F16'
          ? new Uint16Array(parts.rows * size)
          : new Float32Array(parts.rows * size);
      tensors[tensor]?.set(read.tensors[tensor] as Float32Array | Uint16Array, from * size);
    }
  }
  return tensors;
}

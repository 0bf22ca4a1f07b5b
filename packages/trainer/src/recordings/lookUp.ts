import { expectedError, type ViewKey } from '@kd/core';
import { float16Table } from '@kd/files';

/** Finds the places of rows in a recording. @returns Throws where one was not recorded. */
export function placesOf(
  caller: string,
  rows: Int32Array,
  remedy: string,
): (indices: Int32Array) => Int32Array {
  const places = new Int32Array(rows.reduce((most, row) => Math.max(most, row), 0) + 1).fill(-1);
  for (const [at, row] of rows.entries()) places[row] = at;
  return (indices) =>
    indices.map((row) => {
      const place = places[row] ?? -1;
      if (place < 0)
        throw expectedError(caller, `a row among ${rows.length} recorded`, row, remedy);
      return place;
    });
}

/** Finds the number of a view in a recording. @returns Throws where it was not recorded. */
export function viewNumbers(caller: string, views: readonly ViewKey[]): (view: ViewKey) => number {
  const keyOf = ({ spec, seed }: ViewKey) => `${spec} from ${seed}`;
  const known = new Map(views.map((view, number) => [keyOf(view), number]));
  return (view) => {
    const number = known.get(keyOf(view));
    if (number === undefined)
      throw expectedError(
        caller,
        `a view among ${known.size} recorded`,
        `${view.spec} from seed ${view.seed}`,
        'record it too',
      );
    return number;
  };
}

/**
 * Copies what was recorded of some rows, `size` numbers a row. @param start Of the first row
 * recorded, in numbers.
 */
export type Gather = (
  values: Float32Array | Uint16Array,
  size: number,
  places: Int32Array,
  start?: number,
) => Float32Array;

export function gatherer(): Gather {
  let halves: Float32Array | undefined;
  return (values, size, places, start = 0) => {
    const chosen = new Float32Array(places.length * size);
    if (values instanceof Uint16Array) halves ??= float16Table();
    for (let at = 0; at < places.length; at++) {
      const from = start + (places[at] as number) * size;
      if (values instanceof Float32Array) chosen.set(values.subarray(from, from + size), at * size);
      else
        for (let index = 0; index < size; index++)
          chosen[at * size + index] = halves?.[values[from + index] as number] as number;
    }
    return chosen;
  };
}

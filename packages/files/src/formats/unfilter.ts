import { expectedError } from '@kd/core';

/**
 * Undoes PNG's filters (PNG specification, third edition, section 9). Each row comes with one byte
 * before it that names its filter.
 * @param rowLength Bytes of a row without that byte. @param step Bytes of a pixel: the distance to
 * the byte on the left.
 * @returns [rows, rowLength] flattened.
 */
export function unfilter(
  filtered: Uint8Array,
  rowLength: number,
  rows: number,
  step: number,
  caller: string,
): Uint8Array {
  const out = new Uint8Array(rows * rowLength);
  const nothing = new Uint8Array(rowLength);
  for (let row = 0; row < rows; row++) {
    const start = row * (rowLength + 1);
    const filter = filtered[start] as number;
    const line = filtered.subarray(start + 1, start + 1 + rowLength);
    const current = out.subarray(row * rowLength, (row + 1) * rowLength);
    const above = row === 0 ? nothing : out.subarray((row - 1) * rowLength, row * rowLength);
    if (filter === 0) current.set(line);
    else if (filter === 1) undoSub(line, current, step);
    else if (filter === 2) undoUp(line, current, above);
    else if (filter === 3) undoAverage(line, current, above, step);
    else if (filter === 4) undoPaeth(line, current, above, step);
    else throw expectedError(caller, 'PNG filters 0–4', `${filter} in row ${row}`);
  }
  return out;
}

function undoSub(line: Uint8Array, current: Uint8Array, step: number): void {
  for (let at = 0; at < line.length; at++)
    current[at] = (line[at] as number) + (at < step ? 0 : (current[at - step] as number));
}

function undoUp(line: Uint8Array, current: Uint8Array, above: Uint8Array): void {
  for (let at = 0; at < line.length; at++)
    current[at] = (line[at] as number) + (above[at] as number);
}

function undoAverage(line: Uint8Array, current: Uint8Array, above: Uint8Array, step: number): void {
  for (let at = 0; at < line.length; at++) {
    const left = at < step ? 0 : (current[at - step] as number);
    current[at] = (line[at] as number) + ((left + (above[at] as number)) >> 1);
  }
}

function undoPaeth(line: Uint8Array, current: Uint8Array, above: Uint8Array, step: number): void {
  for (let at = 0; at < line.length; at++) {
    const left = at < step ? 0 : (current[at - step] as number);
    const corner = at < step ? 0 : (above[at - step] as number);
    current[at] = (line[at] as number) + nearest(left, above[at] as number, corner);
  }
}

/**
 * Paeth's predictor: of left, above and corner the one nearest to left + above − corner; the first
 * of equals.
 */
function nearest(left: number, above: number, corner: number): number {
  const estimate = left + above - corner;
  const toLeft = Math.abs(estimate - left);
  const toAbove = Math.abs(estimate - above);
  const toCorner = Math.abs(estimate - corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

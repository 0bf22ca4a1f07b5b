import type { Pads } from '@kd/core';
import type { NodeWriter } from './nodes.ts';

/** Pads maps with a value. @returns The name of the padded maps; x where nothing is added. */
export function padMaps(
  writer: NodeWriter,
  name: string,
  x: string,
  { top, bottom, left, right }: Pads,
  value: number,
  [before, after]: readonly [number, number] = [0, 0],
): string {
  const counts = [0, 0, top, bottom, left, right, before, after];
  if (counts.every((count) => count === 0)) return x;
  const paddings = writer.integers(`${name}/paddings`, counts, [4, 2]);
  const filling = writer.floats(`${name}/padding`, Float32Array.of(value), []);
  return writer.add('PadV2', `${name}/padded`, [x, paddings, filling]);
}

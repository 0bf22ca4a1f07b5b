import type { Pads } from '@kd/core';
import type { NodeWriter } from './nodes.ts';

type Sides = readonly [number, number];

/**
 * TensorFlow's name for zeros around maps: VALID for none, SAME where they are those that it would
 * add; undefined for others. @param given Shape of the maps, [height, width, channels].
 */
export function paddingName(
  pads: Pads,
  given: readonly number[],
  size: Sides,
  strides: Sides,
  dilations: Sides,
): 'SAME' | 'VALID' | undefined {
  if (Object.values(pads).every((count) => count === 0)) return 'VALID';
  const wanted = [
    [pads.top, pads.bottom],
    [pads.left, pads.right],
  ];
  const isSame = ([0, 1] as const).every((side) => {
    const extent = (size[side] - 1) * dilations[side] + 1;
    const from = given[side] as number;
    const windows = Math.ceil(from / strides[side]);
    const zeros = Math.max((windows - 1) * strides[side] + extent - from, 0);
    const before = Math.floor(zeros / 2);
    return wanted[side]?.[0] === before && wanted[side]?.[1] === zeros - before;
  });
  return isSame ? 'SAME' : undefined;
}

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

import type { Pads } from '@kd/core';

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

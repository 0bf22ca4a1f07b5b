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

/** Gives values another shape; −1 is the batch. */
export function reshape(
  writer: NodeWriter,
  name: string,
  x: string,
  shape: readonly number[],
): string {
  return writer.add('Reshape', name, [x, writer.integers(`${name}/shape`, shape)]);
}

/** Takes a part of a value; a size of −1 is all that follows. */
export function slice(
  writer: NodeWriter,
  name: string,
  x: string,
  begin: readonly number[],
  size: readonly number[],
): string {
  const from = writer.integers(`${name}/begin`, begin);
  const counts = writer.integers(`${name}/size`, size);
  return writer.add('Slice', name, [x, from, counts]);
}

/** Joins values along their last axis. @param rank With the batch. */
export function concat(
  writer: NodeWriter,
  name: string,
  parts: readonly string[],
  rank: number,
): string {
  const axis = writer.integers(`${name}/axis`, [rank - 1], []);
  return writer.add('ConcatV2', name, [...parts, axis], { N: parts.length });
}

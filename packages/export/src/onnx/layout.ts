/**
 * Order of axes in the file. Maps are [batch, channels, height, width], all other values as in the
 * graph. Shapes are given without the batch.
 */

/** Shape in the file of a value of the graph: [height, width, channels] becomes [c, h, w]. */
export function onnxShape(shape: readonly number[]): readonly number[] {
  if (!isMaps(shape)) return shape;
  const [height, width, channels] = shape;
  return [channels, height, width];
}

/** Whether a value is maps, [height, width, channels]. */
export function isMaps(
  shape: readonly number[],
): shape is readonly [height: number, width: number, channels: number] {
  return shape.length === 3;
}

/** The axis of the channels, the batch counted. */
export function channelAxis(shape: readonly number[]): number {
  return isMaps(shape) ? 1 : shape.length;
}

/** Number of channels. */
export function channelsOf(shape: readonly number[]): number {
  return shape.at(-1) ?? 1;
}

/** Shape of a constant for each channel that broadcasts: [c, 1, 1] or [c]. */
export function channelShape(shape: readonly number[], channels: number): readonly number[] {
  return isMaps(shape) ? [channels, 1, 1] : [channels];
}

/** Whether maps have the same order of values with the channels first as with them last. */
export function isOrderFree([height, width, channels]: readonly [number, number, number]): boolean {
  return channels === 1 || height * width === 1;
}

/** Permutations of the axes of maps. */
export const toChannelsFirst = [0, 3, 1, 2] as const;
export const toChannelsLast = [0, 2, 3, 1] as const;

/**
 * The scale of a Resize from one size to another, as float32, for which every reader's
 * ⌊from · scale⌋ is exactly `to`.
 */
export function exactScale(from: number, to: number): number {
  const scale = Float32Array.of(to / from);
  const bits = new Uint32Array(scale.buffer);
  const size = (): number => Math.floor(Math.fround(from * (scale[0] as number)));
  while (size() < to) bits[0] = (bits[0] as number) + 1;
  return scale[0] as number;
}

/** Operations that move values: slices, shuffles, padding, reshaping and resizing. */
import type { GraphNodeBase, PadNode, ResizeNode } from '@kd/core';
import type { OnnxInput, OperationContext } from './context.ts';
import {
  channelsOf,
  exactScale,
  isMaps,
  isOrderFree,
  onnxShape,
  toChannelsFirst,
  toChannelsLast,
} from './layout.ts';
import type { OnnxWriter } from './onnxWriter.ts';

export function writeShuffle(groups: number, { writer, inputs, output }: OperationContext): void {
  const [{ name, shape }] = inputs as readonly [OnnxInput];
  const [channels = 1, ...rest] = onnxShape(shape);
  const split = writer.unique('groups');
  const transposed = writer.unique('transposed');
  if (isMaps(shape)) {
    reshape(writer, name, [groups, channels / groups, ...rest], split);
    writer.add('Transpose', [split], transposed, { perm: [0, 2, 1, 3, 4] });
    reshape(writer, transposed, [channels, ...rest], output);
    return;
  }
  reshape(writer, name, [...shape.slice(0, -1), groups, channelsOf(shape) / groups], split);
  const axes = [...shape.keys()];
  const last = shape.length;
  writer.add('Transpose', [split], transposed, { perm: [...axes, last + 1, last] });
  reshape(writer, transposed, shape, output);
}

export function writePad(
  { pads, channels, value }: GraphNodeBase & PadNode,
  { writer, inputs, output }: OperationContext,
): void {
  const [before, after] = channels;
  const amounts = [...[0, before, pads.top, pads.left], ...[0, after, pads.bottom, pads.right]];
  const [{ name }] = inputs as readonly [OnnxInput];
  writer.add('Pad', [name, writer.integers(amounts), writer.scalar(value)], output);
}

/** The values keep the order of [height, width, channels]. */
export function writeReshape(
  { shape }: GraphNodeBase,
  { writer, inputs, output, keepsOrder }: OperationContext,
): void {
  const [{ name, shape: from }] = inputs as readonly [OnnxInput];
  const lies = isMaps(from) && !isOrderFree(from) && !keepsOrder;
  const source = lies
    ? writer.add('Transpose', [name], writer.unique('channelsLast'), {
        perm: toChannelsLast,
      })
    : name;
  if (!isMaps(shape) || isOrderFree(shape)) {
    reshape(writer, source, onnxShape(shape), output);
    return;
  }
  const maps = writer.unique('maps');
  reshape(writer, source, shape, maps);
  writer.add('Transpose', [maps], output, { perm: toChannelsFirst });
}

/**
 * By scales, since the batch is open. The linear and the cubic filter are Pillow's with antialias
 * and PyTorch's without: the weights outside of the image are left out and the cubic has a = −½, or
 * they count as the border's pixels and a = −¾.
 */
export function writeResize(
  { shape, interpolation, antialias }: GraphNodeBase & ResizeNode,
  { writer, inputs, output }: OperationContext,
): void {
  const [{ name, shape: from }] = inputs as readonly [OnnxInput];
  const [height, width, channels] = from as readonly [number, number, number];
  const [newHeight, newWidth] = shape as readonly [number, number];
  const scales = writer.constant(
    `${output}/scales`,
    Float32Array.of(1, 1, exactScale(height, newHeight), exactScale(width, newWidth)),
    [4],
  );
  const filter = {
    coordinate_transformation_mode: 'half_pixel',
    mode: interpolation === 'bicubic' ? 'cubic' : 'linear',
    ...(interpolation === 'bicubic' && { cubic_coeff_a: { float: antialias ? -0.5 : -0.75 } }),
    ...(antialias && { antialias: 1, exclude_outside: 1 }),
  };
  const repeated = {
    coordinate_transformation_mode: 'asymmetric',
    mode: 'nearest',
    nearest_mode: 'floor',
  };
  const attributes = interpolation === 'nearest' ? repeated : filter;
  const isSmaller = newHeight < height || newWidth < width;
  if (interpolation !== 'bicubic' || antialias || !isSmaller) {
    writer.add('Resize', [name, '', scales], output, attributes);
    return;
  }
  // ONNX Runtime 1.30 moves transpositions through a Resize and then refuses this one for having
  // the channels last. It moves none through reshapes.
  const planes = reshape(writer, name, [1, height, width], writer.unique('planes'));
  const resized = writer.unique('resized');
  writer.add('Resize', [planes, '', scales], resized, attributes);
  reshape(writer, resized, [channels, newHeight, newWidth], output);
}

export interface SliceOptions {
  readonly axes: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps?: readonly number[];
}

export function slice(
  writer: OnnxWriter,
  input: string,
  output: string,
  { axes, starts, ends, steps }: SliceOptions,
): void {
  const lists = [starts, ends, axes, ...(steps === undefined ? [] : [steps])];
  writer.add('Slice', [input, ...lists.map((list) => writer.integers(list))], output);
}

/** @param shape Without the batch, which stays open. */
export function reshape(
  writer: OnnxWriter,
  input: string,
  shape: readonly number[],
  output: string,
): string {
  return writer.add('Reshape', [input, writer.integers([-1, ...shape])], output);
}

import type { GraphNodeBase, ResizeNode } from '@kd/core';
import { resizeWeights } from '@kd/core/internal';
import { type Context, floatsOf, type Input, quantizationOf } from './context.ts';
import type { NewOperation, Value } from './litertWriter.ts';
import { move } from './moves.ts';
import { options } from './schema.ts';

/**
 * Maps of another size: nearest pixels by number, all else in float32 as products with the matrices
 * of both sides.
 */
export function writeResize(
  context: Context,
  node: GraphNodeBase & ResizeNode,
  input: Input,
): Value {
  const { name, shape, interpolation, antialias } = node;
  const [height, width, channels] = shape as readonly [number, number, number];
  const [oldHeight, oldWidth] = input.value.shape as readonly [number, number];
  const { writer, calibration } = context;
  if (interpolation === 'nearest')
    return move(context, node, input, [
      (x) => ({
        operator: 'RESIZE_NEAREST_NEIGHBOR',
        name,
        inputs: [x, writer.sides(`${name}/size`, [height, width])],
        shape: [1, ...shape],
        options: options.resizeNearest(),
      }),
    ]);
  const filter = { interpolation, antialias };
  const matrix = (side: string, from: number, to: number, copies: number) => {
    const weights = resizeWeights(from, to, filter);
    const values = new Float32Array(weights.length * copies);
    for (let copy = 0; copy < copies; copy++) values.set(weights, copy * weights.length);
    return writer.constant(`${name}/${side}`, values, [copies, to, from]);
  };
  const write = (operation: NewOperation) => writer.floats(operation);
  const reshape = (path: string, x: number, sides: readonly number[]) =>
    write({
      operator: 'RESHAPE',
      name: path,
      inputs: [x, writer.sides(`${path}/shape`, sides)],
      shape: sides,
      options: options.reshape(),
    });
  const multiply = (path: string, inputs: readonly number[], sides: readonly number[]) =>
    write({
      operator: 'BATCH_MATMUL',
      name: path,
      inputs,
      shape: sides,
      options: options.product(),
    });
  const [x] = floatsOf(context, [input]) as [number];
  const rows = reshape(`${name}/in`, x, [1, oldHeight, oldWidth * channels]);
  const rowMatrix = matrix('rows', oldHeight, height, 1);
  const tall = multiply(`${name}/tall`, [rowMatrix, rows], [1, height, oldWidth * channels]);
  const lines = reshape(`${name}/lines`, tall, [height, oldWidth, channels]);
  const columnMatrix = matrix('columns', oldWidth, width, 1);
  const wide = multiply(`${name}/wide`, [columnMatrix, lines], [height, width, channels]);
  const float = reshape(name, wide, [1, ...shape]);
  const range = calibration?.ranges[name];
  return { shape, quantization: range && quantizationOf(range), float };
}

import type { GlobalPoolNode, GraphNodeBase, PoolNode } from '@kd/core';
import { paddingName } from '../graph/paddingName.ts';
import { type Context, type Input, quantizationOf } from './context.ts';
import { asInteger, type NewOperation, type Value } from './litertWriter.ts';
import { move, padding, type Step, withoutIntegers } from './moves.ts';
import { options } from './schema.ts';

/** Least number of float32: never the maximum. */
const lowest = -3.402_823_466_385_288_6e38;

/** Maximum or mean over windows; integers keep their scale. */
export function writePool(context: Context, node: GraphNodeBase & PoolNode, input: Input): Value {
  const { name, shape, function: which, size, strides, pads, countsPadding } = node;
  const isMean = which === 'average';
  const isPadded = Object.values(pads).some((count) => count > 0);
  const same = paddingName(pads, input.value.shape, size, strides, [1, 1]);
  const pooling =
    (padName: 'SAME' | 'VALID', path = name): Step =>
    (x) => ({
      operator: isMean ? 'AVERAGE_POOL_2D' : 'MAX_POOL_2D',
      name: path,
      inputs: [x],
      shape: [1, ...shape],
      options: options.pool(padName, strides, size),
    });
  if (same !== undefined && !(isPadded && isMean && countsPadding))
    return move(context, node, input, [pooling(same)]);
  if (!isMean)
    return move(context, node, input, [
      padding(context, name, input, pads, lowest),
      pooling('VALID'),
    ]);
  const zeros = padding(context, name, input, pads);
  if (countsPadding) return move(context, node, input, [zeros, pooling('VALID')]);
  const floats = withoutIntegers(context, input);
  const { writer } = context;
  const factors = windowFactors(node, input.value.shape);
  return move(context, node, floats, [
    padding(context, name, floats, pads),
    pooling('VALID', `${name}/mean`),
    (x) => ({
      operator: 'MUL',
      name,
      inputs: [x, writer.constant(`${name}/factors`, factors, [1, ...shape.slice(0, 2), 1])],
      shape: [1, ...shape],
      options: options.multiply('linear'),
    }),
  ]);
}

/** Size of a window over the number of its positions within the maps, [height, width]. */
export function windowFactors(
  {
    shape,
    size,
    strides,
    pads,
  }: Pick<GraphNodeBase & PoolNode, 'shape' | 'size' | 'strides' | 'pads'>,
  given: readonly number[],
): Float32Array {
  const [height, width] = shape as readonly [number, number];
  const rows = countInside(height, size[0], strides[0], pads.top, given[0] as number);
  const columns = countInside(width, size[1], strides[1], pads.left, given[1] as number);
  return Float32Array.from(
    rows.flatMap((row) => columns.map((column) => (size[0] * size[1]) / (row * column))),
  );
}

/** For each window along a side, how many of its positions lie inside the map. */
function countInside(
  windows: number,
  size: number,
  stride: number,
  before: number,
  side: number,
): number[] {
  return Array.from({ length: windows }, (_, at) => {
    const start = at * stride - before;
    return Math.min(start + size, side) - Math.max(start, 0);
  });
}

/** Maximum or mean over whole maps. The mean of integers has a scale of its own. */
export function writeGlobalPool(
  context: Context,
  node: GraphNodeBase & GlobalPoolNode,
  input: Input,
): Value {
  const { name, shape, function: which, keepsMaps } = node;
  const { writer, calibration } = context;
  const reducing: Step = (x) => ({
    operator: which === 'max' ? 'REDUCE_MAX' : 'MEAN',
    name,
    inputs: [x, writer.sides(`${name}/axes`, [1, 2])],
    shape: [1, ...shape],
    options: options.reduce(keepsMaps),
  });
  const range = calibration?.ranges[name];
  if (which === 'max' || range === undefined || input.value.quantization === undefined)
    return move(context, node, input, [reducing]);
  const quantization = quantizationOf(range);
  const operation: NewOperation = reducing(asInteger(writer, input.name, input.value));
  return { shape, quantization, integer: writer.integers({ ...operation, quantization }) };
}

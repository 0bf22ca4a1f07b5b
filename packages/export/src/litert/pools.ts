import type { GlobalPoolNode, GraphNodeBase, PoolNode } from '@kd/core';
import { paddingName } from '../graph/paddingName.ts';
import { lowestFloat, windowFactors } from '../graph/pooling.ts';
import { type Context, type Input, quantizationOf } from './context.ts';
import { asInteger, type NewOperation, type Value } from './litertWriter.ts';
import { move, padding, type Step, withoutIntegers } from './moves.ts';
import { options } from './schema.ts';

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
      padding(context, name, input, pads, lowestFloat),
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

import type {
  ArithmeticNode,
  FusedActivation,
  GlobalPoolNode,
  GraphNode,
  GraphNodeBase,
  PoolNode,
  ResizeNode,
} from '@kd/core';
import { expectedError } from '@kd/core';
import { resizeWeights } from '@kd/core/internal';
import { paddingName } from '../graph/paddingName.ts';
import { lowestFloat, windowFactors } from '../graph/pooling.ts';
import { writeActivation } from './activations.ts';
import { writeConvolution, writeDense } from './layers.ts';
import { concat, padMaps, reshape, slice } from './moves.ts';
import type { NodeWriter } from './nodes.ts';

/** What an operation is written from. */
export interface OperationInputs {
  readonly writer: NodeWriter;
  /** Names of the values that it takes. */
  readonly inputs: readonly string[];
  /** Their shapes without the batch. */
  readonly shapes: readonly (readonly number[])[];
}

/** Writes one operation. @returns The name of its value. */
export function writeOperation(node: GraphNode, from: OperationInputs): string {
  const { writer, inputs, shapes } = from;
  const { name, shape } = node;
  const [x] = inputs as readonly [string];
  const [given] = shapes as readonly [readonly number[]];
  const last = given.length;
  switch (node.kind) {
    case 'convolution':
      return writeConvolution(node, writer, x, given);
    case 'dense':
      return writeDense(node, writer, x, given);
    case 'channelAffine': {
      const scale = writer.floats(`${name}/scale`, node.scale.values, node.scale.shape);
      const offset = writer.floats(`${name}/offset`, node.offset.values, node.offset.shape);
      const product = writer.add('Mul', `${name}/product`, [x, scale]);
      return rectify(writer, name, writer.add('AddV2', name, [product, offset]), node.activation);
    }
    case 'activation':
      return writeActivation(node, writer, x);
    case 'arithmetic':
      return writeArithmetic(node, from);
    case 'pool':
      return writePool(node, writer, x, given);
    case 'globalPool':
      return writeGlobalPool(node, writer, x);
    case 'concat':
      return concat(writer, name, inputs, last + 1);
    case 'sliceChannels': {
      const begin = [...Array<number>(last).fill(0), node.first];
      const size = [...Array<number>(last).fill(-1), node.count];
      return slice(writer, name, x, begin, size);
    }
    case 'shuffleChannels': {
      const channels = given[last - 1] as number;
      const grouped = reshape(writer, `${name}/groups`, x, [
        -1,
        node.groups,
        channels / node.groups,
      ]);
      const order = writer.integers(`${name}/order`, [0, 2, 1]);
      const mixed = writer.add('Transpose', `${name}/mixed`, [grouped, order]);
      return reshape(writer, name, mixed, [-1, ...shape]);
    }
    case 'pad':
      return padMaps(writer, name, x, node.pads, node.value, node.channels);
    case 'subsample': {
      const zeros = writer.integers(`${name}/begin`, [0, 0, 0, 0]);
      const strides = writer.integers(`${name}/strides`, [1, node.stride, node.stride, 1]);
      const whole = { begin_mask: 15, end_mask: 15, ellipsis_mask: 0, new_axis_mask: 0 };
      const masks = { ...whole, shrink_axis_mask: 0 };
      return writer.add('StridedSlice', name, [x, zeros, zeros, strides], masks);
    }
    case 'crop': {
      const [height, width] = shape as [number, number];
      return slice(writer, name, x, [0, node.top, node.left, 0], [-1, height, width, -1]);
    }
    case 'reshape':
      return reshape(writer, name, x, [-1, ...shape]);
    case 'resize':
      return writeResize(node, writer, x, given);
    default:
      node satisfies never;
      throw expectedError('exportTfjs', 'a known operation', (node as GraphNode).kind);
  }
}

/** Adds the activation of an operation that has none of its own. */
function rectify(writer: NodeWriter, name: string, x: string, activation: FusedActivation): string {
  if (activation === 'linear') return x;
  return writer.add(activation === 'relu' ? 'Relu' : 'Relu6', `${name}/${activation}`, [x]);
}

const arithmetic = {
  add: 'AddV2',
  average: 'AddV2',
  subtract: 'Sub',
  multiply: 'Mul',
  maximum: 'Maximum',
  minimum: 'Minimum',
} as const;

function writeArithmetic(
  { name, function: which, activation }: GraphNodeBase & ArithmeticNode,
  { writer, inputs }: OperationInputs,
): string {
  const [first, ...others] = inputs as readonly [string, ...string[]];
  let result = others.reduce((x, y) => writer.add(arithmetic[which], name, [x, y]), first);
  if (which === 'average') {
    const share = writer.floats(`${name}/share`, Float32Array.of(1 / inputs.length), []);
    result = writer.add('Mul', `${name}/mean`, [result, share]);
  }
  return rectify(writer, name, result, activation);
}

function writePool(
  node: GraphNodeBase & PoolNode,
  writer: NodeWriter,
  x: string,
  given: readonly number[],
): string {
  const { name, function: which, size, strides, pads, countsPadding } = node;
  const attributes = { ksize: [1, ...size, 1], strides: [1, ...strides, 1], data_format: 'NHWC' };
  const isPadded = Object.values(pads).some((count) => count > 0);
  const isMean = which === 'average';
  const op = isMean ? 'AvgPool' : 'MaxPool';
  const padding = paddingName(pads, given, size, strides, [1, 1]);
  if (padding !== undefined && !(isPadded && isMean && countsPadding))
    return writer.add(op, name, [x], { ...attributes, padding });
  const padded = padMaps(writer, name, x, pads, isMean ? 0 : lowestFloat);
  const valid = { ...attributes, padding: 'VALID' };
  if (!isMean || countsPadding) return writer.add(op, name, [padded], valid);
  const mean = writer.add(op, `${name}/mean`, [padded], valid);
  const values = windowFactors(node, given);
  const factors = writer.floats(`${name}/factors`, values, [...node.shape.slice(0, 2), 1]);
  return writer.add('Mul', name, [mean, factors]);
}

function writeGlobalPool(
  { name, function: which, keepsMaps }: GraphNodeBase & GlobalPoolNode,
  writer: NodeWriter,
  x: string,
): string {
  const axes = writer.integers(`${name}/axes`, [1, 2]);
  const op = which === 'max' ? 'Max' : 'Mean';
  return writer.add(op, name, [x, axes], { keep_dims: keepsMaps });
}

/** Bilinear and bicubic resizing are products with the matrices of both sides. */
function writeResize(
  { name, shape, interpolation, antialias }: GraphNodeBase & ResizeNode,
  writer: NodeWriter,
  x: string,
  given: readonly number[],
): string {
  const [height, width, channels] = shape as readonly [number, number, number];
  const [oldHeight, oldWidth] = given as readonly [number, number];
  if (interpolation === 'nearest') {
    const size = writer.integers(`${name}/size`, [height, width]);
    const centers = { align_corners: false, half_pixel_centers: false };
    return writer.add('ResizeNearestNeighbor', name, [x, size], centers);
  }
  const filter = { interpolation, antialias };
  const matrix = (side: string, from: number, to: number) =>
    writer.floats(`${name}/${side}`, resizeWeights(from, to, filter), [1, to, from]);
  const multiply = (step: string, inputs: readonly string[]) =>
    writer.add('BatchMatMulV2', `${name}/${step}`, inputs, { adj_x: false, adj_y: false });
  const rows = reshape(writer, `${name}/in`, x, [-1, oldHeight, oldWidth * channels]);
  const tall = multiply('tall', [matrix('rows', oldHeight, height), rows]);
  const columns = reshape(writer, `${name}/lines`, tall, [-1, oldWidth, channels]);
  const wide = multiply('wide', [matrix('columns', oldWidth, width), columns]);
  return reshape(writer, name, wide, [-1, height, width, channels]);
}

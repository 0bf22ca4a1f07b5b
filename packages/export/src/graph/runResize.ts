import type { GraphNodeBase, ResizeNode } from '@kd/core';
import { resizeWeights } from '@kd/core/internal';
import {
  expandDims,
  matMul,
  reshape,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tensor2d,
  tile,
  transpose,
} from '@tensorflow/tfjs-core';

/** Maps of the node's height and width. */
export function resizeMaps(node: GraphNodeBase & ResizeNode, maps: Tensor4D): Tensor {
  const [, oldHeight, oldWidth] = maps.shape;
  const [height, width] = node.shape as readonly [number, number];
  const { interpolation, antialias } = node;
  if (interpolation === 'nearest')
    return repeatAxis(repeatAxis(maps, 1, height / oldHeight), 2, width / oldWidth);
  const matrix = (from: number, to: number): Tensor2D =>
    tensor2d(resizeWeights(from, to, { interpolation, antialias }), [to, from]);
  const tall = applyRows(maps, matrix(oldHeight, height));
  const turned = applyRows(transpose(tall, [0, 2, 1, 3]), matrix(oldWidth, width));
  return transpose(turned, [0, 2, 1, 3]);
}

/** rows · maps along the height. @param rows [new height, height]. */
function applyRows(maps: Tensor4D, rows: Tensor2D): Tensor4D {
  const [batch, height, width, channels] = maps.shape;
  const product: Tensor = matMul(rows, reshape(maps, [batch, height, width * channels]));
  return reshape(product, [batch, rows.shape[0], width, channels]);
}

function repeatAxis(maps: Tensor4D, axis: 1 | 2, times: number): Tensor4D {
  const apart = expandDims(maps, axis + 1);
  const repeats = apart.shape.map((_, at) => (at === axis + 1 ? times : 1));
  const shape = maps.shape.map((side, at) => (at === axis ? side * times : side));
  return reshape(tile(apart, repeats), shape as Tensor4D['shape']);
}

import type { ActivationNode, ArithmeticNode, GraphNode, GraphTensor } from '@kd/core';
import {
  abs,
  add,
  clipByValue,
  concat,
  div,
  erf,
  exp,
  leakyRelu,
  log1p,
  matMul,
  max,
  maximum,
  mean,
  minimum,
  mul,
  neg,
  pad,
  relu,
  reshape,
  selu,
  sigmoid,
  slice,
  softmax,
  sub,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tanh,
  transpose,
} from '@tensorflow/tfjs-core';
import { activate, convolve, pool, subsample, toTensor } from './runMaps.ts';
import { resizeMaps } from './runResize.ts';

/** Computes a node within the caller's `tidy`. */
export function runNode(node: GraphNode, inputs: readonly Tensor[]): Tensor {
  const [x] = inputs as [Tensor];
  const maps = x as Tensor4D;
  const [batch = 1] = x.shape;
  switch (node.kind) {
    case 'convolution':
      return convolve(node, maps);
    case 'dense': {
      const [from, to] = node.kernel.shape as readonly [number, number];
      const rows = reshape(x, [-1, from]) as Tensor2D;
      const product = add(matMul(rows, toTensor(node.kernel) as Tensor2D), toTensor(node.bias));
      return activate(reshape(product, [...x.shape.slice(0, -1), to]), node.activation);
    }
    case 'channelAffine':
      return activate(add(mul(x, toTensor(node.scale)), toTensor(node.offset)), node.activation);
    case 'activation':
      return applyFunction(node, x);
    case 'arithmetic':
      return activate(combine(node, inputs), node.activation);
    case 'pool':
      return pool(node, maps);
    case 'globalPool':
      return (node.function === 'max' ? max : mean)(maps, [1, 2], node.keepsMaps);
    case 'concat':
      return concat([...inputs], -1);
    case 'sliceChannels': {
      const { first, count } = node;
      const others = x.shape.slice(0, -1);
      return slice(x, [...others.map(() => 0), first], [...others, count]);
    }
    case 'shuffleChannels': {
      const channels = x.shape[x.rank - 1] as number;
      const grouped = reshape(x, [-1, node.groups, channels / node.groups]);
      return reshape(transpose(grouped, [0, 2, 1]), x.shape);
    }
    case 'pad': {
      const { top, bottom, left, right } = node.pads;
      const [before, after] = node.channels;
      const around: [number, number][] = [
        [0, 0],
        [top, bottom],
        [left, right],
        [before, after],
      ];
      return pad(maps, around, node.value);
    }
    case 'subsample':
      return subsample(maps, node.stride);
    case 'crop':
      return slice(maps, [0, node.top, node.left, 0], [batch, ...node.shape]);
    case 'reshape':
      return reshape(x, [batch, ...node.shape]);
    case 'resize':
      return resizeMaps(node, maps);
    default:
      return node satisfies never;
  }
}

/** By operations that every engine has. */
function applyFunction(node: ActivationNode, x: Tensor): Tensor {
  const { alpha = 1, slopes } = node;
  switch (node.function) {
    case 'relu':
    case 'relu6':
      return activate(x, node.function);
    case 'sigmoid':
      return sigmoid(x);
    case 'hardSigmoid':
      return clipByValue(add(mul(x, 0.2), 0.5), 0, 1);
    case 'tanh':
      return tanh(x);
    case 'elu':
      return add(relu(x), mul(alpha, sub(exp(minimum(x, 0)), 1)));
    case 'selu':
      return selu(x);
    case 'leakyRelu':
      return leakyRelu(x, alpha);
    case 'prelu':
      return add(relu(x), mul(toTensor(slopes as GraphTensor), minimum(x, 0)));
    case 'softplus':
      return add(relu(x), log1p(exp(neg(abs(x)))));
    case 'softsign':
      return div(x, add(1, abs(x)));
    case 'swish':
      return mul(x, sigmoid(x));
    case 'gelu':
      return mul(mul(x, 0.5), add(1, erf(mul(x, Math.SQRT1_2))));
    case 'softmax':
      return softmax(x);
    default:
      return node.function satisfies never;
  }
}

const binary = {
  add,
  subtract: sub,
  multiply: mul,
  maximum,
  minimum,
  average: add,
} as const satisfies Record<ArithmeticNode['function'], unknown>;

function combine(node: ArithmeticNode, inputs: readonly Tensor[]): Tensor {
  const combined = inputs.reduce((one, other) => binary[node.function](one, other));
  return node.function === 'average' ? div(combined, inputs.length) : combined;
}

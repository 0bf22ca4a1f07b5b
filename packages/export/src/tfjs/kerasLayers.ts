import type {
  ActivationNode,
  ArithmeticNode,
  ChannelAffineNode,
  ConvolutionNode,
  GraphNode,
  GraphNodeBase,
  GraphTensor,
  PoolNode,
} from '@kd/core';
import { paddingName } from '../graph/paddingName.ts';

/** A layer of Keras; each takes the value of the one before it. */
export interface KerasLayer {
  readonly className: string;
  /** Empty for the name of the node itself. */
  readonly suffix: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** By Keras' names. */
  readonly weights?: Readonly<Record<string, GraphTensor>>;
}

/** What the layers of a node depend on. */
export interface LayerInputs {
  /** Shape of the first input, without the batch. */
  readonly given: readonly number[];
  /** Whether the first input has no value below zero. */
  readonly isPositive: boolean;
}

/**
 * Returns the layers of Keras that compute a node, as tfjs-layers 4.22 has them; where it has none,
 * what the node is.
 */
export function kerasLayers(node: GraphNode, inputs: LayerInputs): readonly KerasLayer[] | string {
  const { shape } = node;
  const { given } = inputs;
  const [height, width] = shape as readonly [number, number];
  switch (node.kind) {
    case 'convolution':
      return convolutionLayers(node, given);
    case 'dense': {
      const config = { units: node.kernel.shape[1], activation: node.activation };
      return [layer('Dense', config, '', { kernel: node.kernel, bias: node.bias })];
    }
    case 'channelAffine':
      return affineLayers(node, given);
    case 'activation':
      // The layer of tfjs-layers refuses another number.
      if (node.function === 'elu' && (node.alpha ?? 1) !== 1) return 'an ELU of alpha other than 1';
      return [functionLayer(node, given.length)];
    case 'arithmetic':
      return arithmeticLayers(node);
    case 'pool':
      return poolLayers(node, inputs);
    case 'globalPool': {
      const pool = node.function === 'max' ? 'GlobalMaxPooling2D' : 'GlobalAveragePooling2D';
      if (!node.keepsMaps) return [layer(pool)];
      return [layer(pool, {}, '_values'), layer('Reshape', { target_shape: shape })];
    }
    case 'concat':
      return [layer('Concatenate', { axis: -1 })];
    case 'sliceChannels':
      return 'a slice of channels';
    case 'shuffleChannels': {
      const channels = given.at(-1) as number;
      const rows = given.slice(0, -1).reduce((product, side) => product * side, 1);
      const grouped = [rows, node.groups, channels / node.groups];
      return [
        layer('Reshape', { target_shape: grouped }, '_groups'),
        layer('Permute', { dims: [1, 3, 2] }, '_mixed'),
        layer('Reshape', { target_shape: shape }),
      ];
    }
    case 'pad': {
      const isSpatial = node.value === 0 && node.channels.every((count) => count === 0);
      return isSpatial ? [zeroPadding(node.pads, '')] : 'padding of channels, or not with zeros';
    }
    case 'subsample':
      return [poolLayer('MaxPooling2D', [1, 1], [node.stride, node.stride], 'valid')];
    case 'crop': {
      const [oldHeight, oldWidth] = given as readonly [number, number];
      const rows = [node.top, oldHeight - node.top - height];
      const columns = [node.left, oldWidth - node.left - width];
      return [layer('Cropping2D', { cropping: [rows, columns], ...channelsLast })];
    }
    case 'reshape':
      return [layer('Reshape', { target_shape: shape })];
    case 'resize': {
      if (node.interpolation !== 'nearest') return `a ${node.interpolation} resize`;
      const size = [height / at(given), width / at(given, 1)];
      return [layer('UpSampling2D', { size, interpolation: 'nearest', ...channelsLast })];
    }
    default:
      return node satisfies never;
  }
}

/** Whether the value of a node is nowhere below zero. */
export function isPositive(node: GraphNode): boolean {
  if (node.kind === 'activation') return ['relu', 'relu6', 'sigmoid'].includes(node.function);
  return 'activation' in node && node.activation !== 'linear';
}

const channelsLast = { data_format: 'channels_last' } as const;

function layer(
  className: string,
  config: KerasLayer['config'] = {},
  suffix = '',
  weights: KerasLayer['weights'] = {},
): KerasLayer {
  return { className, config, suffix, weights };
}

function at(values: ArrayLike<number>, index = 0): number {
  return values[index] as number;
}

/**
 * A depthwise convolution of one pixel: a batch norm would take the statistics of each batch when
 * the model is trained further.
 */
function affineLayers(node: ChannelAffineNode, given: readonly number[]): readonly KerasLayer[] {
  const channels = given.at(-1) as number;
  const spread = ({ values }: GraphTensor) =>
    values.length === channels ? values : new Float32Array(channels).fill(at(values));
  const weights = {
    depthwise_kernel: { shape: [1, 1, channels, 1], values: spread(node.scale) },
    bias: { shape: [channels], values: spread(node.offset) },
  };
  const { activation } = node;
  const config = { kernel_size: [1, 1], padding: 'valid', activation, ...channelsLast };
  const convolution = layer('DepthwiseConv2D', config, '', weights);
  if (given.length === 3) return [convolution];
  const rows = given.slice(0, -1).reduce((product, side) => product * side, 1);
  return [
    layer('Reshape', { target_shape: [1, rows, channels] }, '_maps'),
    convolution,
    layer('Reshape', { target_shape: given }, '_values'),
  ];
}

function convolutionLayers(
  node: ConvolutionNode,
  given: readonly number[],
): readonly KerasLayer[] | string {
  const { kernel, bias, strides, dilations, groups, pads, activation } = node;
  const [height, width, , to] = kernel.shape as readonly [number, number, number, number];
  const channels = given[2] as number;
  const isDepthwise = groups > 1 && groups === channels;
  const isDilated = dilations.some((dilation) => dilation > 1);
  if (groups > 1 && !isDepthwise) return 'a convolution in groups';
  // tfjs-layers reads the dilation of a depthwise convolution, and computes without it.
  if (isDepthwise && isDilated) return 'a depthwise convolution with dilation';
  if (isDilated && strides.some((stride) => stride > 1))
    return 'a convolution with strides and dilation';
  const padding = paddingName(pads, given, [height, width], strides, dilations);
  const common = {
    kernel_size: [height, width],
    strides,
    padding: padding === 'SAME' ? 'same' : 'valid',
    activation,
    ...channelsLast,
  };
  const convolution = isDepthwise
    ? layer('DepthwiseConv2D', { ...common, depth_multiplier: to / channels }, '', {
        depthwise_kernel: { ...kernel, shape: [height, width, channels, to / channels] },
        bias,
      })
    : layer('Conv2D', { ...common, filters: to, dilation_rate: dilations }, '', { kernel, bias });
  return padding === undefined ? [zeroPadding(pads, '_padded'), convolution] : [convolution];
}

function zeroPadding({ top, bottom, left, right }: ConvolutionNode['pads'], suffix: string) {
  const padding = [
    [top, bottom],
    [left, right],
  ];
  return layer('ZeroPadding2D', { padding, ...channelsLast }, suffix);
}

function activationLayers(activation: ConvolutionNode['activation']): readonly KerasLayer[] {
  return activation === 'linear' ? [] : [layer('Activation', { activation }, `_${activation}`)];
}

function functionLayer({ function: which, alpha = 1, slopes }: ActivationNode, rank: number) {
  switch (which) {
    case 'leakyRelu':
      return layer('LeakyReLU', { alpha });
    case 'prelu': {
      const { values = new Float32Array() } = slopes ?? {};
      const shared = Array.from({ length: rank - 1 }, (_, axis) => axis + 1);
      const shape = [...shared.map(() => 1), values.length];
      return layer('PReLU', { shared_axes: shared }, '', { alpha: { shape, values } });
    }
    case 'hardSigmoid':
      return layer('Activation', { activation: 'hard_sigmoid' });
    default:
      return layer('Activation', { activation: which });
  }
}

const merges = {
  add: 'Add',
  multiply: 'Multiply',
  maximum: 'Maximum',
  minimum: 'Minimum',
  average: 'Average',
} as const;

function arithmeticLayers(node: GraphNodeBase & ArithmeticNode): readonly KerasLayer[] | string {
  if (node.function === 'subtract') return 'a difference';
  return [layer(merges[node.function]), ...activationLayers(node.activation)];
}

function poolLayers(
  { function: which, size, strides, pads, countsPadding }: PoolNode,
  inputs: LayerInputs,
): readonly KerasLayer[] | string {
  const isMax = which === 'max';
  const className = isMax ? 'MaxPooling2D' : 'AveragePooling2D';
  const padding = paddingName(pads, inputs.given, size, strides, [1, 1]);
  if (padding === 'VALID') return [poolLayer(className, size, strides, 'valid')];
  if (padding === 'SAME' && (isMax || !countsPadding))
    return [poolLayer(className, size, strides, 'same')];
  if (isMax && !inputs.isPositive) return 'a maximum that pads values below zero';
  if (!isMax && !countsPadding) return 'a mean without its padding';
  return [zeroPadding(pads, '_padded'), poolLayer(className, size, strides, 'valid')];
}

function poolLayer(
  className: string,
  size: readonly [number, number],
  strides: readonly [number, number],
  padding: 'same' | 'valid',
): KerasLayer {
  return layer(className, { pool_size: size, strides, padding, ...channelsLast });
}

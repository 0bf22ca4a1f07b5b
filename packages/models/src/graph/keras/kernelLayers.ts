import { ensure, type GraphTensor } from '@kd/core';
import { zeroBias } from '../../layers/layer.ts';
import type { Padding } from '../../layers/padding.ts';
import { normAffine } from '../writing/foldAffine.ts';
import { writeAffine } from '../writing/pieces.ts';
import { padsOf } from '../writing/windows.ts';
import {
  expectChannelAxis,
  expectChannelsLast,
  type LayerCall,
  pairOf,
  type WriteLayer,
  weightOf,
  writeOwnActivation,
} from './layerCall.ts';

/** Padding of TF.js: a name. */
export function paddingOf({ config }: LayerCall): Padding {
  return config.padding === 'same' ? 'same' : 0;
}

interface Kernel {
  readonly name: string;
  readonly kernel: GraphTensor;
  readonly groups: number;
  readonly bias: GraphTensor | undefined;
}

/** A convolution with the strides, the dilation and the padding of the layer. */
function writeConvolution(call: LayerCall, { name, kernel, groups, bias }: Kernel): string {
  const { graph, config, inputs } = call;
  const [height, width, , to] = kernel.shape as readonly [number, number, number, number];
  const [strides, dilations] = [pairOf(config.strides), pairOf(config.dilationRate)];
  const extents = [(height - 1) * dilations[0] + 1, (width - 1) * dilations[1] + 1] as const;
  return graph.add(name, [inputs[0]], {
    kind: 'convolution',
    kernel,
    bias: bias ?? zeroBias(to),
    strides,
    dilations,
    groups,
    pads: padsOf(graph.shapeOf(inputs[0]), { extents, strides, padding: paddingOf(call) }),
    activation: 'linear',
  });
}

export const conv2d: WriteLayer = (call) => {
  expectChannelsLast(call);
  const { layer } = call;
  const kernel = weightOf(layer, 'kernel') as GraphTensor;
  const bias = weightOf(layer, 'bias');
  return writeOwnActivation(
    call,
    writeConvolution(call, { name: layer.name, kernel, groups: 1, bias }),
  );
};

export const depthwiseConv2d: WriteLayer = (call) => {
  expectChannelsLast(call);
  const { layer, config } = call;
  ensure(
    pairOf(config.dilationRate).every((dilation) => dilation === 1),
    'networkGraph',
    `dilationRate 1 of ${layer.name}`,
    config.dilationRate,
    'TF.js computes depthwise convolutions without it',
  );
  return writeOwnActivation(
    call,
    writeConvolution(call, {
      name: layer.name,
      ...depthwiseKernel(layer),
      bias: weightOf(layer, 'bias'),
    }),
  );
};

/** A depthwise convolution and one of 1 × 1, which has bias and activation. */
export const separableConv2d: WriteLayer = (call) => {
  expectChannelsLast(call);
  const { graph, layer } = call;
  const name = `${layer.name}.depthwise`;
  const depthwise = writeConvolution(call, {
    name,
    ...depthwiseKernel(layer),
    bias: undefined,
  });
  const kernel = weightOf(layer, 'pointwise_kernel') as GraphTensor;
  const pointwise = graph.add(layer.name, [depthwise], {
    kind: 'convolution',
    kernel,
    bias: weightOf(layer, 'bias') ?? zeroBias(kernel.shape[3] as number),
    strides: [1, 1],
    dilations: [1, 1],
    groups: 1,
    pads: { top: 0, bottom: 0, left: 0, right: 0 },
    activation: 'linear',
  });
  return writeOwnActivation(call, pointwise);
};

/** [height, width, channels, multiplier] → [height, width, 1, channels · multiplier]. */
function depthwiseKernel(layer: LayerCall['layer']): Pick<Kernel, 'kernel' | 'groups'> {
  const { shape, values } = weightOf(layer, 'depthwise_kernel') as GraphTensor;
  const [height, width, channels, multiplier] = shape as readonly [number, number, number, number];
  return {
    kernel: { shape: [height, width, 1, channels * multiplier], values },
    groups: channels,
  };
}

export const dense: WriteLayer = (call) => {
  const { graph, layer, inputs } = call;
  const kernel = weightOf(layer, 'kernel') as GraphTensor;
  const product = graph.add(layer.name, [inputs[0]], {
    kind: 'dense',
    kernel,
    bias: weightOf(layer, 'bias') ?? zeroBias(kernel.shape[1] as number),
    activation: 'linear',
  });
  return writeOwnActivation(call, product);
};

export const batchNormalization: WriteLayer = (call) => {
  const { graph, layer, config, inputs, isFusable } = call;
  expectChannelAxis(call, config.axis);
  const valuesOf = (name: string): Float32Array | undefined => weightOf(layer, name)?.values;
  const affine = normAffine({
    scale: valuesOf('gamma'),
    offset: valuesOf('beta'),
    mean: valuesOf('moving_mean') as Float32Array,
    variance: valuesOf('moving_variance') as Float32Array,
    epsilon: config.epsilon as number,
  });
  return writeAffine(graph, layer.name, inputs[0], affine, isFusable(inputs[0]));
};

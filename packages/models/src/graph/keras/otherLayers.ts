import {
  type ActivationNode,
  type ArithmeticNode,
  ensure,
  type GraphOperation,
  type GraphTensor,
} from '@kd/core';
import { writeActivation, writeAffine } from '../writing/pieces.ts';
import { padsOf } from '../writing/windows.ts';
import { paddingOf } from './kernelLayers.ts';
import {
  activationOf,
  expectChannelAxis,
  expectChannelsLast,
  type LayerCall,
  pairOf,
  type WriteLayer,
  weightOf,
} from './layerCall.ts';

export const identity: WriteLayer = ({ inputs }) => inputs[0];

/** Writes an operation of one input under the layer's name. */
function write(
  { graph, layer, inputs }: LayerCall,
  operation: GraphOperation,
  shape?: readonly number[],
): string {
  return graph.add(layer.name, [inputs[0]], operation, shape);
}

function writeFunction(
  { graph, layer, inputs, isFusable }: LayerCall,
  operation: Omit<ActivationNode, 'kind'>,
): string {
  const [value] = inputs;
  const node = { kind: 'activation', ...operation } as const;
  return writeActivation(graph, layer.name, value, node, isFusable(value));
}

export const activation: WriteLayer = (call) => {
  const operation = activationOf(call.layer, call.config.activation);
  return operation?.kind === 'activation' ? writeFunction(call, operation) : call.inputs[0];
};

export const relu: WriteLayer = (call) => {
  const { maxValue } = call.config;
  const isKnown = maxValue === undefined || maxValue === null || maxValue === 6;
  ensure(isKnown, 'networkGraph', `maxValue 6 or none of ${call.layer.name}`, maxValue);
  return writeFunction(call, { function: maxValue === 6 ? 'relu6' : 'relu' });
};

export const leakyRelu: WriteLayer = (call) =>
  writeFunction(call, { function: 'leakyRelu', alpha: call.config.alpha as number });

export const elu: WriteLayer = (call) =>
  writeFunction(call, { function: 'elu', alpha: call.config.alpha as number });

export const prelu: WriteLayer = (call) => {
  const { shape, values } = weightOf(call.layer, 'alpha') as GraphTensor;
  const channels = shape.at(-1) as number;
  const isByChannel = values.length === channels;
  ensure(
    isByChannel,
    'networkGraph',
    `slopes by channel in ${call.layer.name}`,
    shape,
    'sharedAxes: [1, 2]',
  );
  return writeFunction(call, { function: 'prelu', slopes: { shape: [channels], values } });
};

export const softmax: WriteLayer = (call) => {
  expectChannelAxis(call, [call.config.axis].flat()[0]);
  return writeFunction(call, { function: 'softmax' });
};

/** Padding is never the maximum and does not count in a mean, as in TensorFlow. */
function pool(reduction: 'max' | 'average'): WriteLayer {
  return (call) => {
    expectChannelsLast(call);
    const { graph, config, inputs } = call;
    const [size, strides] = [pairOf(config.poolSize), pairOf(config.strides)];
    const geometry = { extents: size, strides, padding: paddingOf(call) };
    const pads = padsOf(graph.shapeOf(inputs[0]), geometry);
    return write(call, {
      kind: 'pool',
      function: reduction,
      size,
      strides,
      pads,
      countsPadding: false,
    });
  };
}

export const maxPooling2d = pool('max');
export const averagePooling2d = pool('average');

function globalPool(reduction: 'max' | 'average'): WriteLayer {
  return (call) => {
    expectChannelsLast(call);
    return write(call, { kind: 'globalPool', function: reduction, keepsMaps: false });
  };
}

export const globalMaxPooling2d = globalPool('max');
export const globalAveragePooling2d = globalPool('average');

export function arithmetic(operation: ArithmeticNode['function']): WriteLayer {
  return ({ graph, layer, inputs }) =>
    graph.add(layer.name, inputs, {
      kind: 'arithmetic',
      function: operation,
      activation: 'linear',
    });
}

export const concatenate: WriteLayer = (call) => {
  expectChannelAxis(call, call.config.axis);
  return call.graph.add(call.layer.name, call.inputs, { kind: 'concat' });
};

type Sides = readonly [readonly [number, number], readonly [number, number]];

export const zeroPadding2d: WriteLayer = (call) => {
  expectChannelsLast(call);
  const [[top, bottom], [left, right]] = call.config.padding as Sides;
  const pads = { top, bottom, left, right };
  return write(call, { kind: 'pad', pads, channels: [0, 0], value: 0 });
};

export const cropping2d: WriteLayer = (call) => {
  expectChannelsLast(call);
  const [[top, bottom], [left, right]] = call.config.cropping as Sides;
  const [height = 0, width = 0, channels = 0] = call.graph.shapeOf(call.inputs[0]);
  const shape = [height - top - bottom, width - left - right, channels];
  return write(call, { kind: 'crop', top, left }, shape);
};

export const upSampling2d: WriteLayer = (call) => {
  expectChannelsLast(call);
  const { interpolation, size } = call.config;
  ensure(
    interpolation === 'nearest',
    'networkGraph',
    `interpolation nearest of ${call.layer.name}`,
    interpolation,
    "TF.js's bilinear one is half a pixel off that of other runtimes",
  );
  const [rows, columns] = pairOf(size);
  const [height = 0, width = 0, channels = 0] = call.graph.shapeOf(call.inputs[0]);
  const shape = [height * rows, width * columns, channels];
  return write(call, { kind: 'resize', interpolation: 'nearest', antialias: false }, shape);
};

export const flatten: WriteLayer = (call) => {
  expectChannelsLast(call);
  return write(call, { kind: 'reshape' }, [countOf(call)]);
};

export const reshape: WriteLayer = (call) => {
  const target = call.config.targetShape as readonly (number | null)[];
  const known = target.reduce<number>((product, side) => product * (isOpen(side) ? 1 : side), 1);
  const shape = target.map((side) => (isOpen(side) ? countOf(call) / known : side));
  return write(call, { kind: 'reshape' }, shape);
};

function isOpen(side: number | null): side is null {
  return side === null || side < 0;
}

function countOf({ graph, inputs }: LayerCall): number {
  return graph.shapeOf(inputs[0]).reduce((product, side) => product * side, 1);
}

export const rescaling: WriteLayer = ({ graph, layer, config, inputs, isFusable }) => {
  const { scale, offset } = config as { scale: number; offset: number };
  const affine = { scale: Float64Array.of(scale), offset: Float64Array.of(offset) };
  return writeAffine(graph, layer.name, inputs[0], affine, isFusable(inputs[0]));
};

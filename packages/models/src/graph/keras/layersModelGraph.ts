import { ensure, expectedError } from '@kd/core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { GraphWriter, WrittenLayers } from '../writing/graphWriter.ts';
import {
  batchNormalization,
  conv2d,
  dense,
  depthwiseConv2d,
  separableConv2d,
} from './kernelLayers.ts';
import type { KerasLayer, WriteLayer } from './layerCall.ts';
import {
  activation,
  arithmetic,
  averagePooling2d,
  concatenate,
  cropping2d,
  elu,
  flatten,
  globalAveragePooling2d,
  globalMaxPooling2d,
  identity,
  leakyRelu,
  maxPooling2d,
  prelu,
  relu,
  rescaling,
  reshape,
  softmax,
  upSampling2d,
  zeroPadding2d,
} from './otherLayers.ts';

/** The layers of TF.js that are known, by class name. */
const writers: Readonly<Record<string, WriteLayer>> = {
  Activation: activation,
  Add: arithmetic('add'),
  AlphaDropout: identity,
  Average: arithmetic('average'),
  AveragePooling2D: averagePooling2d,
  BatchNormalization: batchNormalization,
  Concatenate: concatenate,
  Conv2D: conv2d,
  Cropping2D: cropping2d,
  Dense: dense,
  DepthwiseConv2D: depthwiseConv2d,
  Dropout: identity,
  ELU: elu,
  Flatten: flatten,
  GaussianDropout: identity,
  GaussianNoise: identity,
  GlobalAveragePooling2D: globalAveragePooling2d,
  GlobalMaxPooling2D: globalMaxPooling2d,
  LeakyReLU: leakyRelu,
  MaxPooling2D: maxPooling2d,
  Maximum: arithmetic('maximum'),
  Minimum: arithmetic('minimum'),
  Multiply: arithmetic('multiply'),
  PReLU: prelu,
  ReLU: relu,
  Rescaling: rescaling,
  Reshape: reshape,
  SeparableConv2D: separableConv2d,
  Softmax: softmax,
  UpSampling2D: upSampling2d,
  ZeroPadding2D: zeroPadding2d,
};

/**
 * Writes a model of TF.js, models within it included.
 * @param input Name of its input.
 * @param taps Names of layers whose outputs are features.
 * @throws RangeError that names a layer that is not known.
 */
export function writeLayersModel(
  graph: GraphWriter,
  model: LayersModel,
  input: string,
  taps: readonly string[],
): WrittenLayers {
  const tapped = taps.map((tap) => model.getLayer(tap).output as SymbolicTensor);
  const values = writeContainer(graph, model, [input], tapped);
  const features = taps.map((tap, at) => [tap, values[at] as string]);
  return { output: values.at(-1) as string, features: Object.fromEntries(features) };
}

/**
 * Writes the layers of a model.
 * @param inputs Names of its inputs.
 * @param others More of its values that are wanted.
 * @returns The names of these, and of the outputs.
 */
function writeContainer(
  graph: GraphWriter,
  model: Container,
  inputs: readonly string[],
  others: readonly SymbolicTensor[] = [],
): string[] {
  const wanted = [...others, ...model.outputs];
  const takers = countTakers(wanted);
  const values = new Map(model.inputs.map((tensor, at) => [tensor.id, inputs[at] as string]));
  // The inputs belong to what is around the model.
  const shared = new Set(inputs);
  /** Outputs of the models within, by their calls. */
  const inner = new Map<object, readonly string[]>();
  const resolve = (tensor: SymbolicTensor): string => {
    const value = values.get(tensor.id) ?? writeCall(tensor);
    values.set(tensor.id, value);
    if ((takers.get(tensor.id) ?? 0) > 1) shared.add(value);
    return value;
  };
  const writeCall = (tensor: SymbolicTensor): string => {
    const { sourceLayer: layer, nodeIndex, tensorIndex } = tensor;
    const taken = inputsOf(tensor).map(resolve) as [string, ...string[]];
    if (isContainer(layer)) {
      const call = layer.inboundNodes[nodeIndex] as object;
      const results = inner.get(call) ?? writeContainer(graph, layer, taken);
      inner.set(call, results);
      return results[tensorIndex] as string;
    }
    const write = Object.hasOwn(writers, layer.getClassName())
      ? writers[layer.getClassName()]
      : undefined;
    if (write === undefined) throw unknownLayer(layer);
    const isFusable = (value: string): boolean => !shared.has(value);
    return write({ graph, layer, config: layer.getConfig(), inputs: taken, isFusable });
  };
  return wanted.map(resolve);
}

/** How often each value is taken: by layers, or as an output. */
function countTakers(wanted: readonly SymbolicTensor[]): ReadonlyMap<number, number> {
  const takers = new Map<number, number>();
  const take = (tensor: SymbolicTensor): void => {
    const count = takers.get(tensor.id) ?? 0;
    takers.set(tensor.id, count + 1);
    if (count === 0) inputsOf(tensor).forEach(take);
  };
  wanted.forEach(take);
  return takers;
}

/** The tensors that the layer was called with to give this one; none for an input. */
function inputsOf({ sourceLayer, nodeIndex }: SymbolicTensor): readonly SymbolicTensor[] {
  return sourceLayer.inboundNodes[nodeIndex]?.inputTensors ?? [];
}

/** A model, or a layer that is one. */
interface Container {
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
}

function isContainer(layer: KerasLayer): layer is KerasLayer & Container {
  return 'layers' in layer && 'inputs' in layer && 'outputs' in layer;
}

function unknownLayer(layer: KerasLayer): RangeError {
  return expectedError(
    'networkGraph',
    `layers among ${Object.keys(writers).join(', ')}`,
    `${layer.getClassName()} ${layer.name}`,
    'exchange it for known ones',
  );
}

/** @throws RangeError unless images of this shape are what the model takes. */
export function expectModelInput(model: LayersModel, shape: readonly number[]): void {
  const [, ...sides] = (model.inputs[0] as SymbolicTensor).shape;
  const fits = sides.every((side, axis) => side === null || side === shape[axis]);
  ensure(
    fits,
    'networkGraph',
    `prepared images of [${sides.map((side) => side ?? 'any').join(', ')}]`,
    shape,
  );
}

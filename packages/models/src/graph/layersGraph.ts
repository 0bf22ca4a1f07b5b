import { expectedError, type GraphOperation } from '@kd/core';
import type { LayersSource } from '../layers/graphSource.ts';
import {
  type BatchNormOp,
  type ConvolutionOp,
  type ConvolutionWeights,
  graphTensor,
  type InferenceOp,
  inferenceOpsOf,
  type Layer,
  type LayerOperation,
  type Rectifier,
  zeroBias,
} from '../layers/layer.ts';
import { normAffine } from './writing/foldAffine.ts';
import type { GraphWriter, WrittenLayers } from './writing/graphWriter.ts';
import { writeActivation, writeAffine } from './writing/pieces.ts';
import { padsOf } from './writing/windows.ts';

export type FoldedConvolutions = NonNullable<LayersSource['folded']>;

/**
 * Writes consecutive layers. Convolutions and dense layers take up batch norm, scales and
 * activations behind them, but not across a tap.
 * @param input Name of the first layer's input.
 * @param taps Names of layers whose outputs are features.
 * @throws RangeError that names a layer whose operations are not known.
 */
export function writeLayers(
  graph: GraphWriter,
  layers: readonly Layer[],
  input: string,
  taps: ReadonlySet<string>,
  folded: FoldedConvolutions = new Map(),
): WrittenLayers {
  const features: Record<string, string> = {};
  let value = input;
  let pending: Layer[] = [];
  for (const [at, layer] of layers.entries()) {
    pending.push(layer);
    const isTapped = taps.has(layer.name);
    if (!isTapped && at < layers.length - 1) continue;
    value = writeOps(graph, inferenceOpsOf(pending), value, folded);
    pending = [];
    if (isTapped) features[layer.name] = value;
  }
  return { output: value, features };
}

/** Writes operations one after the other. Only those written here are fused with the next one. */
function writeOps(
  graph: GraphWriter,
  ops: readonly InferenceOp[],
  input: string,
  folded: FoldedConvolutions,
): string {
  return ops.reduce((value, op, at) => {
    const isOwn = value !== input;
    switch (op.kind) {
      case 'convolution':
        return writeConvolution(graph, op, value, folded.get(op));
      case 'batchNorm': {
        const before = ops[at - 1];
        const isFolded = before?.kind === 'convolution' && folded.has(before);
        return isFolded ? value : writeAffine(graph, op.name, value, affineOf(op), isOwn);
      }
      case 'activation':
        return writeRectifier(graph, op.name, value, op.activation, isOwn);
      case 'sum': {
        const body = writeOps(graph, op.body, value, folded);
        const shortcut = writeOps(graph, op.shortcut, value, folded);
        const sum = { kind: 'arithmetic', function: 'add', activation: 'linear' } as const;
        return graph.add(op.name, [body, shortcut], sum);
      }
      case 'concat': {
        const branches = op.branches.map((branch) => writeOps(graph, branch, value, folded));
        return graph.add(op.name, branches, { kind: 'concat' });
      }
      case 'layer':
        return writeLayer(graph, op.layer, value, input);
      default:
        op satisfies never;
        return value;
    }
  }, input);
}

function writeConvolution(
  graph: GraphWriter,
  { name, kernel, bias, geometry }: ConvolutionOp,
  input: string,
  folded: Required<ConvolutionWeights> | undefined,
): string {
  const { stride, padding, groups } = geometry;
  const [height, width, from, to] = kernel.shape;
  const isDepthwise = to === 1 && groups === from;
  const shape = isDepthwise ? [height, width, 1, from] : kernel.shape;
  const outputs = isDepthwise ? from : to;
  const weights = folded ?? { kernel, bias };
  return graph.add(name, [input], {
    kind: 'convolution',
    kernel: { shape, values: graphTensor(weights.kernel).values },
    bias: weights.bias === undefined ? zeroBias(outputs) : graphTensor(weights.bias),
    strides: [stride, stride],
    dilations: [1, 1],
    groups,
    pads: padsOf(graph.shapeOf(input), {
      extents: [height, width],
      strides: [stride, stride],
      padding,
    }),
    activation: 'linear',
  });
}

function affineOf({ scale, offset, mean, variance, epsilon }: BatchNormOp) {
  const [gain, shift, average, spread] = [scale, offset, mean, variance].map(
    (weight) => graphTensor(weight).values,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  return normAffine({ scale: gain, offset: shift, mean: average, variance: spread, epsilon });
}

function writeRectifier(
  graph: GraphWriter,
  name: string,
  value: string,
  activation: Rectifier,
  isOwn: boolean,
): string {
  return writeActivation(graph, name, value, { kind: 'activation', function: activation }, isOwn);
}

/**
 * Writes what a layer computes. The last of its operations has the layer's name, those before it
 * have their kind behind it.
 * @param start A value that is not fused with its operation, since others may take it.
 */
function writeLayer(graph: GraphWriter, layer: Layer, input: string, start: string): string {
  const { name } = layer;
  if (layer.computes === undefined)
    throw expectedError(
      'networkGraph',
      `operations that layer ${name} consists of`,
      'none',
      'give the layer `computes`, or elementwise() the operation as its second argument',
    );
  const operations = layer.computes(graph.shapeOf(input));
  return operations.reduce((value, { shape, ...operation }, at) => {
    const own = at === operations.length - 1 ? name : `${name}.${operation.kind}`;
    return writeOperation(graph, own, value, operation as GraphOperation, shape, value !== start);
  }, input);
}

function writeOperation(
  graph: GraphWriter,
  name: string,
  value: string,
  operation: GraphOperation,
  shape: LayerOperation['shape'],
  isOwn: boolean,
): string {
  switch (operation.kind) {
    case 'activation':
      return writeActivation(graph, name, value, operation, isOwn);
    case 'channelAffine': {
      const affine = {
        scale: Float64Array.from(operation.scale.values),
        offset: Float64Array.from(operation.offset.values),
      };
      const scaled = writeAffine(graph, name, value, affine, isOwn);
      const { activation } = operation;
      return activation === 'linear'
        ? scaled
        : writeRectifier(graph, `${name}.${activation}`, scaled, activation, true);
    }
    default:
      return graph.add(name, [value], operation, shape);
  }
}

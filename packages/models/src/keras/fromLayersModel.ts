import {
  ensure,
  expectedError,
  type FeatureInfo,
  type LayerSummary,
  type Network,
  type Outputs,
} from '@kd/core';
import { type Tensor, type Tensor2D, tidy, Variable } from '@tensorflow/tfjs-core';
import {
  type LayersModel,
  type layers,
  model as layersModel,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import { requireSeed } from '../layers/dropout.ts';
import type { WithGraphSource } from '../layers/graphSource.ts';
import { assertMaps } from '../layers/layer.ts';
import { checkedPreprocessor, type PreprocessingOptions } from '../preprocessing/preprocess.ts';
import { createStepSeeds, refuseUnseededLayers, seedStochasticLayers } from './stochasticLayers.ts';

export interface FromLayersModelOptions {
  /** Names of layers whose outputs become `features`. */
  readonly taps?: readonly string[];
  /** The model's own name. */
  readonly name?: string;
  /** Preprocessing of the images; by default the model gets them as they are, 0–1. */
  readonly prepare?: PreprocessingOptions;
}

/**
 * Turns any image classifier of `@tensorflow/tfjs-layers` into a network. Its one output must be
 * logits: build it without the softmax.
 *
 * Weights are named after their layers, `conv.kernel`: name your layers, since TF.js numbers the
 * others in the order of their creation. Whether a weight trains is decided by its layer. Running
 * averages move at `training: true` only, then even in layers with `trainable = false`, as in
 * TF.js. Dropout and noise layers draw from `mode.seed` and their names, as `dropout` of this
 * package does; recurrent layers with dropout are refused in training. The network owns the model:
 * `dispose` frees it.
 */
export function fromLayersModel(
  model: LayersModel,
  { taps: tapNames = [], name = model.name, prepare: options = {} }: FromLayersModelOptions = {},
): Network {
  ensure(
    model.inputs.length === 1 && model.outputs.length === 1,
    'fromLayersModel',
    'a model of one input and one output',
    [model.inputs.length, model.outputs.length],
  );
  const { description, prepare } = checkedPreprocessor('fromLayersModel', options);
  assertLogits(model);
  const [input] = model.inputs as [SymbolicTensor];
  ensure(
    input.shape.length === 4,
    'fromLayersModel',
    'an input of [batch, height, width, channels]',
    formatShape(input.shape),
  );
  const tapped = tapNames.map((tap) => outputOf(model, tap));
  const tappedModel =
    tapNames.length === 0
      ? model
      : layersModel({ inputs: model.inputs, outputs: [...tapped, ...model.outputs] });
  const isStochastic = seedStochasticLayers(model);
  const network: Network & WithGraphSource = {
    name,
    graphSource: { kind: 'layersModel', model, prepare: options, taps: tapNames },
    weights: collectWeights(model),
    preprocessing: description,
    featureInfo: Object.fromEntries(
      tapNames.map((tap, at) => [tap, featureInfo(input, tapped[at] as SymbolicTensor)]),
    ),
    forward(images, { training, seed, onLayer }): Outputs {
      assertMaps(name, images, input.shape[3] ?? null);
      if (training) refuseUnseededLayers(model);
      return tidy(() => {
        const results = [
          tappedModel.apply(prepare(images), {
            training,
            ...(training &&
              isStochastic && { stepSeeds: createStepSeeds(requireSeed(name, seed)) }),
          }),
        ].flat() as Tensor[];
        if (onLayer !== undefined) for (const layer of model.layers) reportLayer(layer, onLayer);
        const logits = results[results.length - 1] as Tensor;
        if (logits.rank !== 2)
          throw expectedError(name, 'logits [batch, classes]', formatShape(logits.shape));
        return {
          logits: logits as Tensor2D,
          features: Object.fromEntries(tapNames.map((tap, at) => [tap, results[at] as Tensor])),
        };
      });
    },
    dispose() {
      model.dispose();
    },
  };
  return network;
}

function assertLogits(model: LayersModel): void {
  const last = (model.outputs[0] as SymbolicTensor).sourceLayer;
  const { activation } = last.getConfig();
  const isSoftmax = activation === 'softmax' || last.getClassName() === 'Softmax';
  ensure(
    !isSoftmax,
    'fromLayersModel',
    'logits from the last layer',
    `softmax in ${last.name}`,
    'build it without the activation: distillation divides logits by a temperature',
  );
}

function outputOf(model: LayersModel, tap: string): SymbolicTensor {
  const layer = model.layers.find((candidate) => candidate.name === tap);
  if (layer === undefined)
    throw expectedError(
      'fromLayersModel',
      `taps among the layers ${model.layers.map((known) => known.name).join(', ')}`,
      tap,
    );
  const { output } = layer;
  if (Array.isArray(output))
    throw expectedError('fromLayersModel', `one output of layer ${tap}`, output.length);
  return output;
}

function featureInfo(input: SymbolicTensor, output: SymbolicTensor): FeatureInfo {
  const channels = output.shape[output.shape.length - 1];
  ensure(
    typeof channels === 'number',
    'fromLayersModel',
    `a known number of channels in ${output.sourceLayer.name}`,
    formatShape(output.shape),
  );
  if (output.shape.length !== 4) return { channels, stride: 0 };
  const [height, tapHeight] = [input.shape[1], output.shape[1]];
  if (typeof height !== 'number' || typeof tapHeight !== 'number') {
    throw expectedError(
      'fromLayersModel',
      'a known image size for a model with taps',
      formatShape(input.shape),
      'give the model its inputShape',
    );
  }
  return { channels, stride: Math.round(height / tapHeight) };
}

function collectWeights(model: LayersModel): Record<string, Variable> {
  const weights: Record<string, Variable> = {};
  for (const weight of model.weights) {
    const name = weight.originalName.replaceAll('/', '.');
    const variable = weight.read();
    ensure(
      variable instanceof Variable,
      'fromLayersModel',
      `a variable behind ${name}`,
      'a plain tensor',
    );
    ensure(
      !(name in weights),
      'fromLayersModel',
      'layers of different names',
      name,
      'rename one of the two',
    );
    weights[name] = variable;
  }
  return weights;
}

function formatShape(shape: readonly (number | null)[]): string {
  return `[${shape.map((side) => side ?? 'any').join(', ')}]`;
}

type KerasLayer = InstanceType<typeof layers.Layer>;

/**
 * Reports a layer of TF.js if it has weights or changes the shape. Sides that the model leaves open
 * are NaN.
 */
function reportLayer(layer: KerasLayer, onLayer: (summary: LayerSummary) => void): void {
  const kind = layer.getClassName();
  const outputShape = sidesOf(layer.output).slice(1);
  const sizes = layer.weights
    .filter(({ originalName }) => !/moving_(mean|variance)$/.test(originalName))
    .map(({ shape }) => product(shape));
  const kernels = layer.weights
    .filter(({ originalName }) => originalName.endsWith('kernel'))
    .map(({ shape }) => product(shape));
  const changesShape = outputShape.join() !== sidesOf(layer.input).slice(1).join();
  if (layer.weights.length === 0 && (kind === 'InputLayer' || !changesShape)) return;
  onLayer({
    name: layer.name,
    kind,
    outputShape,
    parameters: sum(sizes),
    macs: countMacs(layer, kind, outputShape, sum(kernels)),
  });
}

/** Multiply-adds: every value of a kernel is used once for every position of the output map. */
function countMacs(
  layer: KerasLayer,
  kind: string,
  outputShape: readonly number[],
  kernel: number,
): number {
  switch (kind) {
    case 'Conv1D':
    case 'Conv2D':
    case 'Conv3D':
    case 'DepthwiseConv2D':
    case 'SeparableConv2D':
    case 'Dense':
      return kernel * product(outputShape.slice(0, -1));
    case 'Conv2DTranspose':
      return kernel * product(sidesOf(layer.input).slice(1, -1));
    case 'BatchNormalization':
    case 'LayerNormalization':
    case 'PReLU':
      return 0;
    default:
      return layer.weights.length === 0 ? 0 : Number.NaN;
  }
}

/** Shape of a tensor, or of the first of several. */
function sidesOf(tensors: SymbolicTensor | SymbolicTensor[]): number[] {
  const { shape } = [tensors].flat()[0] as SymbolicTensor;
  return shape.map((side) => side ?? Number.NaN);
}

function product(sides: readonly (number | null)[]): number {
  return sides.reduce<number>((all, side) => all * (side ?? Number.NaN), 1);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

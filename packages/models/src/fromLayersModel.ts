import { ensure, expectedError, type FeatureInfo, type Network, type Outputs } from '@kd/core';
import { type Tensor, type Tensor2D, tidy, Variable } from '@tensorflow/tfjs-core';
import { type LayersModel, model as modelOf, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { drawsFrom, redirectNoise, refuseOtherNoise } from './kerasNoise.ts';
import { reportKerasLayer } from './kerasReports.ts';
import { seedOf } from './layers/dropout.ts';
import { expectMaps } from './layers/layer.ts';
import { type PreprocessingOptions, preparer } from './prepare/preparation.ts';

export interface FromLayersModelOptions {
  /** Names of layers whose outputs become `features`. */
  readonly taps?: readonly string[];
  /** The model's own name. */
  readonly name?: string;
  /** Images reach the model as they are, 0–1, unless this is given. */
  readonly prepare?: PreprocessingOptions;
}

/**
 * Any image classifier of `@tensorflow/tfjs-layers` as a network. Its one output must be logits:
 * leave the softmax away.
 *
 * Weights are named after their layers, `conv.kernel`: name your layers, since TF.js numbers the
 * others in the order of their making. Whether a weight
 * trains stays as the layer says. Running averages move with `training: true` only, then even in
 * layers with `trainable = false`, as TF.js has it.
 * Dropout and noise layers draw from `mode.seed` and their names, as `dropout` of this package
 * does; recurrent layers with dropout are refused in training.
 * The network owns the model: `dispose` frees it.
 */
export function fromLayersModel(
  model: LayersModel,
  {
    taps: tapNames = [],
    name = model.name,
    prepare: preparation = {},
  }: FromLayersModelOptions = {},
): Network {
  ensure(
    model.inputs.length === 1 && model.outputs.length === 1,
    'fromLayersModel',
    'a model of one input and one output',
    [model.inputs.length, model.outputs.length],
  );
  const { description, prepare } = preparer('fromLayersModel', preparation);
  expectLogits(model);
  const [input] = model.inputs as [SymbolicTensor];
  ensure(
    input.shape.length === 4,
    'fromLayersModel',
    'an input of [batch, height, width, channels]',
    describe(input.shape),
  );
  const tapped = tapNames.map((tap) => featureRef(model, tap));
  const tappedModel =
    tapNames.length === 0
      ? model
      : modelOf({ inputs: model.inputs, outputs: [...tapped, ...model.outputs] });
  const isRandom = redirectNoise(model);
  return {
    name,
    weights: weightsOf(model),
    preprocessing: description,
    featureInfo: Object.fromEntries(
      tapNames.map((tap, at) => [tap, extentOf(input, tapped[at] as SymbolicTensor)]),
    ),
    forward(images, { training, seed, onLayer: observe }): Outputs {
      expectMaps(name, images, input.shape[3] ?? null);
      if (training) refuseOtherNoise(model);
      return tidy(() => {
        const results = [
          tappedModel.apply(prepare(images), {
            training,
            ...(training && isRandom && { draws: drawsFrom(seedOf(name, seed)) }),
          }),
        ].flat() as Tensor[];
        if (observe !== undefined)
          for (const layer of model.layers) reportKerasLayer(layer, observe);
        const logits = results[results.length - 1] as Tensor;
        if (logits.rank !== 2)
          throw expectedError(name, 'logits [batch, classes]', describe(logits.shape));
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
}

function expectLogits(model: LayersModel): void {
  const last = (model.outputs[0] as SymbolicTensor).sourceLayer;
  const { activation } = last.getConfig();
  const isSoftmax = activation === 'softmax' || last.getClassName() === 'Softmax';
  ensure(
    !isSoftmax,
    'fromLayersModel',
    'logits from the last layer',
    `softmax in ${last.name}`,
    'build it without the activation: teaching divides logits by a temperature',
  );
}

function featureRef(model: LayersModel, tap: string): SymbolicTensor {
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

function extentOf(input: SymbolicTensor, output: SymbolicTensor): FeatureInfo {
  const channels = output.shape[output.shape.length - 1];
  ensure(
    typeof channels === 'number',
    'fromLayersModel',
    `a known number of channels in ${output.sourceLayer.name}`,
    describe(output.shape),
  );
  if (output.shape.length !== 4) return { channels, stride: 0 };
  const [height, tapHeight] = [input.shape[1], output.shape[1]];
  if (typeof height !== 'number' || typeof tapHeight !== 'number') {
    throw expectedError(
      'fromLayersModel',
      'a known image size where there are taps',
      describe(input.shape),
      'give the model its inputShape',
    );
  }
  return { channels, stride: Math.round(height / tapHeight) };
}

function weightsOf(model: LayersModel): Record<string, Variable> {
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

function describe(shape: readonly (number | null)[]): string {
  return `[${shape.map((side) => side ?? 'any').join(', ')}]`;
}

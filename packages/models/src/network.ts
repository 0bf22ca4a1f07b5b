import {
  ensure,
  expectedError,
  type FeatureInfo,
  type Network,
  type Outputs,
  type StateDictKeyMap,
} from '@kd/core';
import { engine, type Tensor2D, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import {
  frozenLayers,
  inferenceNetwork,
  type OwnedInferenceNetwork,
} from './inference/inferenceNetwork.ts';
import { applyTapped, assertMaps, type Layer } from './layers/layer.ts';
import {
  countFrozenLayers,
  type LayeredNetwork,
  type NetworkDefinition,
} from './layers/networkDefinition.ts';
import {
  collectWeights,
  createLayers,
  type LayerFactories,
  outputGeometry,
} from './layers/sequential.ts';
import { cifar10Normalization } from './preprocessing/normalize.ts';
import { checkedPreprocessor, type PreprocessingOptions } from './preprocessing/preprocess.ts';

export interface NetworkOptions {
  readonly name: string;
  /** The layers in order; the last one returns the logits. */
  readonly layers: LayerFactories;
  /** Seed of the initial weights, each of which depends on the seed and its own name alone. */
  readonly seed: number;
  /** Names of layers whose outputs become `features`. */
  readonly taps?: readonly string[];
  /** Preprocessing of the images; by default `cifar10Normalization` at their own size. */
  readonly prepare?: PreprocessingOptions;
  /**
   * Names of the layers in published weights, by library or repository, for `loadWeights` and
   * `saveWeights`, which saves by the first.
   */
  readonly keyMaps?: Readonly<Record<string, StateDictKeyMap>>;
}

/** Creates a network of these layers. It owns their variables; `dispose` frees them. */
export function createNetwork({
  name,
  layers: factories,
  seed,
  taps: tapNames = [],
  prepare: changes,
  keyMaps,
}: NetworkOptions): Network {
  const engines = Object.keys(engine().registryFactory);
  ensure(
    engines.length > 0,
    name,
    'a started engine',
    'none',
    'await startEngine() of @kd/engine first',
  );
  ensure(Number.isSafeInteger(seed) && seed >= 0, name, 'seed as a whole number ≥ 0', seed);
  const options = { normalize: cifar10Normalization, ...changes };
  const preprocessor = checkedPreprocessor(name, options);
  const unknown = tapNames.find((tap) => !Object.hasOwn(factories, tap));
  ensure(
    unknown === undefined,
    name,
    `taps among the layers ${Object.keys(factories).join(', ')}`,
    unknown,
  );
  const layers = createLayers(factories, '', seed);
  ensure(layers.length > 0, name, 'one layer or more', 'none');
  const channels = options.normalize.mean.length;
  return layeredNetwork(
    {
      name,
      layers,
      prepare: (images: Tensor4D) => preprocessor.prepare(assertMaps(name, images, channels)),
      input: options,
      preprocessing: preprocessor.description,
      taps: Object.fromEntries(tapNames.map((tap) => [tap, featureInfo(layers, tap, channels)])),
      keyMaps,
      trainable: new Set(
        Object.values(collectWeights(layers)).filter((weight) => weight.trainable),
      ),
    },
    true,
  );
}

function featureInfo(layers: readonly Layer[], tap: string, imageChannels: number): FeatureInfo {
  const upToTap = layers.slice(0, layers.findIndex((layer) => layer.name === tap) + 1);
  const { channels = imageChannels, stride } = outputGeometry(upToTap);
  return { channels, stride };
}

/**
 * The network of a definition. Frozen layers run as at inference, in training too.
 * @param ownsWeights Whether `dispose` frees the layers' variables; those of `inference()` are
 * always freed.
 */
export function layeredNetwork(
  definition: NetworkDefinition,
  ownsWeights: boolean,
): LayeredNetwork {
  const { name, layers, prepare, input, preprocessing, taps, keyMaps } = definition;
  const tapNames = new Set(Object.keys(taps));
  const head = layers.filter((layer) => Object.keys(layer.weights).length > 0).at(-1)?.name;
  const weights = collectWeights(layers);
  const runFrozen = frozenLayers(layers, prepare, tapNames);
  let fused: OwnedInferenceNetwork | undefined;
  const disposeInference = (): void => {
    fused?.dispose();
    fused = undefined;
  };
  return {
    definition,
    graphSource: { kind: 'layers', layers, input, taps: [...tapNames] },
    ownsWeights,
    disposeInference,
    name,
    weights,
    preprocessing,
    featureInfo: taps,
    ...(head !== undefined && { head }),
    ...(keyMaps && { keyMaps }),
    forward(images, mode): Outputs {
      return tidy(() => {
        const frozen = mode.training ? countFrozenLayers(layers) : 0;
        const start =
          frozen > 0
            ? runFrozen(frozen, images, mode)
            : { activations: prepare(images), features: {} };
        const { activations, features } = applyTapped(
          layers.slice(frozen),
          start.activations,
          tapNames,
          mode,
        );
        if (activations.rank !== 2)
          throw expectedError(
            name,
            'logits [batch, classes] from the last layer',
            `[${activations.shape.join(', ')}]`,
          );
        return { logits: activations as Tensor2D, features: { ...start.features, ...features } };
      });
    },
    inference() {
      fused ??= inferenceNetwork(layers, prepare, tapNames);
      return fused;
    },
    dispose() {
      disposeInference();
      if (ownsWeights) for (const weight of Object.values(weights)) weight.dispose();
    },
  };
}

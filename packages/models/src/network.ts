import { ensure, type FeatureInfo, type StateDictKeyMap } from '@kd/core';
import { engine, type Tensor4D } from '@tensorflow/tfjs-core';
import { type LayeredNetwork, layeredNetwork } from './layered.ts';
import { extentOf, type LayerFactories, makeLayers, weightsOf } from './layers/compose.ts';
import { expectMaps, type Layer } from './layers/layer.ts';
import { cifar10Normalization } from './prepare/normalize.ts';
import { type PreprocessingOptions, preparer } from './prepare/preparation.ts';

export interface NetworkOptions {
  readonly name: string;
  /** The layers in order; what comes out of the last are the logits. */
  readonly layers: LayerFactories;
  /** The first values of the weights are drawn from it and their names. */
  readonly seed: number;
  /** Names of layers whose outputs become `features`. */
  readonly taps?: readonly string[];
  /**
   * What is done to the images first; unless it says otherwise, they are normalized by
   * `cifar10Normalization` and keep their size.
   */
  readonly prepare?: PreprocessingOptions;
  /**
   * How published weights call the layers, by library or repository, for `loadWeights` and
   * `torchWeights`; the first is the one to save by.
   */
  readonly names?: Readonly<Record<string, StateDictKeyMap>>;
}

/** The network made of these layers. It owns their variables; `dispose` frees them. */
export function createNetwork({
  name,
  layers: plans,
  seed,
  taps: tapNames = [],
  prepare: wanted,
  names,
}: NetworkOptions): LayeredNetwork {
  const engines = Object.keys(engine().registryFactory);
  ensure(
    engines.length > 0,
    name,
    'a started engine',
    'none',
    'await startEngine() of @kd/engine first',
  );
  ensure(Number.isSafeInteger(seed) && seed >= 0, name, 'seed as a whole number ≥ 0', seed);
  const preparation = { normalize: cifar10Normalization, ...wanted };
  const { description, prepare: prepareChecked } = preparer(name, preparation);
  const unknown = tapNames.find((tap) => !Object.hasOwn(plans, tap));
  ensure(
    unknown === undefined,
    name,
    `taps among the layers ${Object.keys(plans).join(', ')}`,
    unknown,
  );
  const layers = makeLayers(plans, '', seed);
  ensure(layers.length > 0, name, 'one layer or more', 'none');
  const channels = preparation.normalize.mean.length;
  const taps = Object.fromEntries(tapNames.map((tap) => [tap, tapAt(layers, tap, channels)]));
  const trains = new Set(Object.values(weightsOf(layers)).filter((weight) => weight.trainable));
  const prepare = (images: Tensor4D): Tensor4D =>
    prepareChecked(expectMaps(name, images, channels));
  return layeredNetwork(
    { name, layers, prepare, preparation: description, taps, names, trains },
    true,
  );
}

function tapAt(layers: readonly Layer[], tap: string, imageChannels: number): FeatureInfo {
  const upToTap = layers.slice(0, layers.findIndex((layer) => layer.name === tap) + 1);
  const { channels = imageChannels, stride } = extentOf(upToTap);
  return { channels, stride };
}

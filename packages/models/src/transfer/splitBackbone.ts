import { type Backbone, ensure, type Network } from '@kd/core';
import { reshape, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { inferenceBackbone } from '../inference/inferenceNetwork.ts';
import type { WithGraphSource } from '../layers/graphSource.ts';
import { assertMaps, type Layer } from '../layers/layer.ts';
import {
  asLayered,
  countLayers,
  type LayerRange,
  type NetworkDefinition,
} from '../layers/networkDefinition.ts';
import { collectWeights, outputGeometry } from '../layers/sequential.ts';
import { layeredNetwork } from '../network.ts';

/** The two parts of a network: together they compute what it computes, on its own variables. */
export interface BackboneSplit {
  /** Runs with the running averages always, so its outputs can be cached. */
  readonly backbone: Backbone;
  /**
   * Takes the backbone's output instead of images: maps, or vectors as maps of 1 × 1. Its `dispose`
   * frees none of the network's variables.
   */
  readonly head: Network;
}

/**
 * Splits a network where `freeze` would freeze it. Compute the backbone's features once
 * (`cacheOutputs` of @kd/trainer) and train the head on them, and the network is trained: the
 * variables are the same.
 * @param range The backbone: all layers except the one that returns the logits (and dropout right
 * before it), or those up to and including a name.
 * @throws RangeError on a network whose layers are not known, on an unknown layer, and if no layer
 * is left for the backbone or the head.
 */
export function splitBackbone(network: Network, range: LayerRange = 'body'): BackboneSplit {
  const { definition } = asLayered('splitBackbone', network);
  const count = countLayers('splitBackbone', definition, range);
  const { layers, name } = definition;
  ensure(
    count < layers.length,
    'splitBackbone',
    `layers behind the backbone of ${name}`,
    'none',
    `name a layer before ${layers.at(-1)?.name}: upTo`,
  );
  const [first, rest] = [layers.slice(0, count), layers.slice(count)];
  return { backbone: backboneOf(definition, first), head: headOf(definition, first, rest) };
}

function backboneOf(
  { name, prepare, input, preprocessing, taps }: NetworkDefinition,
  layers: readonly Layer[],
): Backbone & WithGraphSource {
  const end = layers[layers.length - 1] as Layer;
  const tapNames = new Set(
    layers.map((layer) => layer.name).filter((layer) => Object.hasOwn(taps, layer)),
  );
  const run = inferenceBackbone(layers, prepare, tapNames);
  return {
    name: `${name} up to ${end.name}`,
    graphSource: { kind: 'layers', layers, input, taps: [...tapNames] },
    preprocessing,
    end: end.name,
    featureNames: [...tapNames],
    weights: collectWeights(layers),
    forward: (images) => {
      const { activations, features } = run(images);
      return { ...features, [end.name]: activations };
    },
  };
}

function headOf(
  { name, taps, keyMaps, trainable }: NetworkDefinition,
  backbone: readonly Layer[],
  layers: readonly Layer[],
): Network {
  const end = backbone[backbone.length - 1] as Layer;
  const { channels = null, stride } = outputGeometry(backbone);
  const title = `head of ${name} behind ${end.name}`;
  return layeredNetwork(
    {
      name: title,
      layers,
      prepare: (maps) =>
        stride === 0 ? mapsToVectors(title, maps, channels) : assertMaps(title, maps, channels),
      input: stride === 0 ? 'vectors' : 'maps',
      preprocessing: 'none',
      taps: Object.fromEntries(
        Object.entries(taps).filter(([tap]) => layers.some((layer) => layer.name === tap)),
      ),
      keyMaps,
      trainable,
    },
    false,
  );
}

/** [batch, 1, 1, channels] → [batch, channels]. */
function mapsToVectors(caller: string, maps: Tensor4D, channels: number | null): Tensor {
  const [batch, height, width, count] = assertMaps(caller, maps, channels).shape;
  ensure(
    height === 1 && width === 1,
    caller,
    'vectors as maps of 1 × 1',
    `${height} × ${width}`,
    "pass the backbone's output: cacheOutputs, cachedBatches",
  );
  return tidy(() => reshape(maps, [batch, count]));
}

import { type Backbone, ensure, type Network } from '@kd/core';
import { reshape, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { anatomyOf, layeredNetwork, type NetworkDefinition } from '../layered.ts';
import { extentOf, weightsOf } from '../layers/compose.ts';
import { expectMaps, type Layer } from '../layers/layer.ts';
import { depthOf, type LayerRange } from './bodyOf.ts';
import { foldBody } from './frozenPart.ts';

/** A network in two: together they compute what it computes, on its own variables. */
export interface BackboneSplit {
  /** Always with running averages: what it says of a view can be recorded. */
  readonly backbone: Backbone;
  /**
   * Takes what the body gives in place of images: maps, or vectors as maps of 1 × 1. Its `dispose`
   * frees nothing of the network's.
   */
  readonly head: Network;
}

/**
 * Splits a network where `freeze` would freeze it. Train the head on what the body said once
 * (`cacheFeatures` of @kd/trainer), and the network is trained: the
 * variables are the same.
 * @param part The body: all but the layer that gives the logits (and dropout right before it), or
 * the layers up to a name, that included.
 * @throws RangeError on a network that does not know its layers, on a layer that is not there, and
 * where nothing is left for a body or a head.
 */
export function splitBackbone(network: Network, part: LayerRange = 'body'): BackboneSplit {
  const anatomy = anatomyOf('split', network);
  const depth = depthOf('split', anatomy, part);
  const { layers, name } = anatomy;
  ensure(
    depth < layers.length,
    'splitBackbone',
    `layers behind the body of ${name}`,
    'none',
    `name a layer before ${layers.at(-1)?.name}: upTo`,
  );
  const [first, rest] = [layers.slice(0, depth), layers.slice(depth)];
  return { backbone: bodyOf(anatomy, first), head: headOf(anatomy, first, rest) };
}

function bodyOf(
  { name, prepare, preparation, taps }: NetworkDefinition,
  layers: readonly Layer[],
): Backbone {
  const end = layers[layers.length - 1] as Layer;
  const tapped = new Set(
    layers.map((layer) => layer.name).filter((layer) => Object.hasOwn(taps, layer)),
  );
  const run = foldBody(layers, prepare, tapped);
  return {
    name: `${name} up to ${end.name}`,
    preprocessing: preparation,
    end: end.name,
    featureNames: [...tapped],
    weights: weightsOf(layers),
    forward: (images) => {
      const { activations, features } = run(images);
      return { ...features, [end.name]: activations };
    },
  };
}

function headOf(
  { name, taps, names, trains }: NetworkDefinition,
  body: readonly Layer[],
  layers: readonly Layer[],
): Network {
  const end = body[body.length - 1] as Layer;
  const { channels = null, stride } = extentOf(body);
  const title = `head of ${name} behind ${end.name}`;
  return layeredNetwork(
    {
      name: title,
      layers,
      prepare: (maps) =>
        stride === 0 ? vectorsOf(title, maps, channels) : expectMaps(title, maps, channels),
      preparation: 'none',
      taps: Object.fromEntries(
        Object.entries(taps).filter(([tap]) => layers.some((layer) => layer.name === tap)),
      ),
      names,
      trains,
    },
    false,
  );
}

/** [batch, 1, 1, channels] → [batch, channels]. */
function vectorsOf(caller: string, maps: Tensor4D, channels: number | null): Tensor {
  const [batch, height, width, count] = expectMaps(caller, maps, channels).shape;
  ensure(
    height === 1 && width === 1,
    caller,
    'vectors as maps of 1 × 1',
    `${height} × ${width}`,
    'deal what the body gives: cacheFeatures',
  );
  return tidy(() => reshape(maps, [batch, count]));
}

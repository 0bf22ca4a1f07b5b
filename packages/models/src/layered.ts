import {
  expectedError,
  type FeatureInfo,
  type Network,
  type Outputs,
  type StateDictKeyMap,
} from '@kd/core';
import {
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';
import { foldNetwork, type OwnedFoldedNetwork } from './folding/foldedNetwork.ts';
import { frozenDepth } from './freezing/bodyOf.ts';
import { frozenPart } from './freezing/frozenPart.ts';
import { weightsOf } from './layers/compose.ts';
import { applyTapped, type Layer } from './layers/layer.ts';

/** What a network is made of. */
export interface NetworkDefinition {
  readonly name: string;
  readonly layers: readonly Layer[];
  /** What is done to the images before the first layer. @returns What the first layer takes. */
  readonly prepare: (images: Tensor4D) => Tensor;
  /** The same, as text. */
  readonly preparation: string;
  /** By the names of their layers. */
  readonly taps: Readonly<Record<string, FeatureInfo>>;
  readonly names?: Readonly<Record<string, StateDictKeyMap>> | undefined;
  /** The variables that train where nothing is frozen. */
  readonly trains: ReadonlySet<Variable>;
}

/**
 * A network whose layers are known, as those of `createNetwork` are: what `freeze` and
 * `splitBackbone` work on.
 */
export interface LayeredNetwork extends Network {
  readonly anatomy: NetworkDefinition;
  /** Whether `dispose` frees the weights. */
  readonly owns: boolean;
  /** Frees what `folded()` made, if it was called. */
  unfold(): void;
}

/**
 * The layers as a network. Those that are frozen run as at inference, in training too.
 * @param owns Whether `dispose` frees the layers' variables; what the network makes for itself it
 * always frees.
 */
export function layeredNetwork(anatomy: NetworkDefinition, owns: boolean): LayeredNetwork {
  const { name, layers, prepare, preparation, taps, names } = anatomy;
  const tapped = new Set(Object.keys(taps));
  const head = layers.filter((layer) => Object.keys(layer.weights).length > 0).at(-1)?.name;
  const weights = weightsOf(layers);
  const frozen = frozenPart(layers, prepare, tapped);
  let folded: OwnedFoldedNetwork | undefined;
  const unfold = (): void => {
    folded?.dispose();
    folded = undefined;
  };
  return {
    anatomy,
    owns,
    unfold,
    name,
    weights,
    preprocessing: preparation,
    featureInfo: taps,
    ...(head !== undefined && { head }),
    ...(names && { keyMaps: names }),
    forward(images, mode): Outputs {
      return tidy(() => {
        const depth = mode.training ? frozenDepth(layers) : 0;
        const start =
          depth > 0 ? frozen(depth, images, mode) : { activations: prepare(images), features: {} };
        const { activations, features } = applyTapped(
          layers.slice(depth),
          start.activations,
          tapped,
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
      folded ??= foldNetwork(layers, prepare, tapped);
      return folded;
    },
    dispose() {
      unfold();
      if (owns) for (const weight of Object.values(weights)) weight.dispose();
    },
  };
}

/** @throws RangeError on a network that does not know its layers. */
export function anatomyOf(caller: string, network: Network): NetworkDefinition {
  return asLayered(caller, network).anatomy;
}

/** @throws RangeError as `anatomyOf`. */
export function asLayered(caller: string, network: Network): LayeredNetwork {
  if (!('anatomy' in network))
    throw expectedError(
      caller,
      'a network of createNetwork, whose layers are known',
      network.name ?? 'another',
    );
  return network as LayeredNetwork;
}

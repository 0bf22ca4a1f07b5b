import { ensure } from '@kd/core';
import { add, concat as concatTensors, tidy } from '@tensorflow/tfjs-core';
import { applyLayers, inferenceOpsOf, type Layer, type LayerFactory } from './layer.ts';

/** Layers by name, in the order in which they are written. */
export type LayerFactories = Readonly<Record<string, LayerFactory>>;

/** Consecutive layers as one layer; their names follow its own after a dot. */
export function sequential(factories: LayerFactories): LayerFactory {
  return (name, seed) => {
    const layers = createLayers(factories, `${name}.`, seed);
    return {
      name,
      ...outputGeometry(layers),
      weights: collectWeights(layers),
      inferenceOps: inferenceOpsOf(layers),
      apply: (x, mode) => applyLayers(layers, x, mode),
    };
  };
}

export interface ResidualOptions {
  /**
   * Layers before body and shortcut, whose output both share; none by default. They are named as
   * the body's layers are.
   */
  readonly before?: LayerFactories;
  readonly body: LayerFactories;
  /** The layer beside the body; by default the body's own input. */
  readonly shortcut?: LayerFactory;
  /** A layer applied to the sum, such as `relu()`; none by default. */
  readonly after?: LayerFactory;
}

/** after(body(y) + shortcut(y)), y = before(x). */
export function residual({ before = {}, body, shortcut, after }: ResidualOptions): LayerFactory {
  return (name, seed) => {
    const first = createLayers(before, `${name}.`, seed);
    const main = createLayers(body, `${name}.`, seed);
    const side = createLayers(shortcut === undefined ? {} : { shortcut }, `${name}.`, seed);
    const last = createLayers(after === undefined ? {} : { after }, `${name}.`, seed);
    return {
      name,
      ...outputGeometry([...first, ...main]),
      weights: collectWeights([...first, ...main, ...side, ...last]),
      inferenceOps: [
        ...inferenceOpsOf(first),
        { kind: 'sum', name, body: inferenceOpsOf(main), shortcut: inferenceOpsOf(side) },
        ...inferenceOpsOf(last),
      ],
      apply(x, mode) {
        return tidy(() => {
          const y = applyLayers(first, x, mode);
          return applyLayers(
            last,
            add(applyLayers(main, y, mode), applyLayers(side, y, mode)),
            mode,
          );
        });
      },
    };
  };
}

export interface ConcatOptions {
  /** Input channels. */
  readonly from: number;
  /** Layers by name; the input of each is x. */
  readonly branches: LayerFactories;
}

/** The output channels of all branches, concatenated in the order in which they are written. */
export function concat({ from, branches: factories }: ConcatOptions): LayerFactory {
  return (name, seed) => {
    const branches = createLayers(factories, `${name}.`, seed);
    return {
      name,
      channels: branches.reduce((sum, { channels = from }) => sum + channels, 0),
      stride: outputGeometry(branches.slice(0, 1)).stride,
      weights: collectWeights(branches),
      inferenceOps: [
        { kind: 'concat', name, branches: branches.map((branch) => inferenceOpsOf([branch])) },
      ],
      apply(x, mode) {
        return tidy(() =>
          concatTensors(
            branches.map((branch) => applyLayers([branch], x, mode)),
            -1,
          ),
        );
      },
    };
  };
}

/** Creates the layers with their names and variables. */
export function createLayers(factories: LayerFactories, prefix: string, seed: number): Layer[] {
  const numeric = Object.keys(factories).find((name) => /^\d+$/.test(name));
  ensure(
    numeric === undefined,
    'layers',
    'names with a letter',
    numeric,
    'JavaScript moves number keys to the front',
  );
  return Object.entries(factories).map(([name, factory]) => factory(`${prefix}${name}`, seed));
}

/** All variables of some layers by their full names. */
export function collectWeights(layers: readonly Layer[]): Layer['weights'] {
  return Object.assign({}, ...layers.map((layer) => layer.weights));
}

/** Output channels (absent: as many as input channels) and stride of consecutive layers. */
export function outputGeometry(layers: readonly Layer[]): Pick<Layer, 'channels' | 'stride'> {
  const channels = layers.reduce<number | undefined>(
    (before, layer) => layer.channels ?? before,
    undefined,
  );
  return {
    stride: layers.reduce((product, layer) => product * layer.stride, 1),
    ...(channels !== undefined && { channels }),
  };
}

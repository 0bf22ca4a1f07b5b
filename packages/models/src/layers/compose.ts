import { ensure } from '@kd/core';
import { add, tidy } from '@tensorflow/tfjs-core';
import { applyInOrder, type Layer, type LayerFactory } from './layer.ts';
import { partsOf } from './parts.ts';

/** Layers by name, in the order in which they are written. */
export type LayerFactories = Readonly<Record<string, LayerFactory>>;

/** Layers one after another, as one layer; their names follow its own after a dot. */
export function sequential(plans: LayerFactories): LayerFactory {
  return (name, seed) => {
    const layers = makeLayers(plans, `${name}.`, seed);
    return {
      name,
      ...extentOf(layers),
      weights: weightsOf(layers),
      parts: partsOf(layers),
      apply: (x, mode) => applyInOrder(layers, x, mode),
    };
  };
}

export interface ResidualOptions {
  /**
   * What both ways start from; x itself where there is none. Its layers are called as the body's
   * are.
   */
  readonly before?: LayerFactories;
  readonly body: LayerFactories;
  /** The other way round the body; the body's own input where there is none. */
  readonly shortcut?: LayerFactory;
  /** Of the sum: `relu()`. */
  readonly after?: LayerFactory;
}

/** after(body(y) + shortcut(y)), y = before(x). */
export function residual({ before = {}, body, shortcut, after }: ResidualOptions): LayerFactory {
  return (name, seed) => {
    const first = makeLayers(before, `${name}.`, seed);
    const main = makeLayers(body, `${name}.`, seed);
    const side = makeLayers(shortcut === undefined ? {} : { shortcut }, `${name}.`, seed);
    const last = makeLayers(after === undefined ? {} : { after }, `${name}.`, seed);
    return {
      name,
      ...extentOf([...first, ...main]),
      weights: weightsOf([...first, ...main, ...side, ...last]),
      parts: [
        ...partsOf(first),
        { does: 'sum', body: partsOf(main), shortcut: partsOf(side) },
        ...partsOf(last),
      ],
      apply(x, mode) {
        return tidy(() => {
          const y = applyInOrder(first, x, mode);
          return applyInOrder(
            last,
            add(applyInOrder(main, y, mode), applyInOrder(side, y, mode)),
            mode,
          );
        });
      },
    };
  };
}

/** Names the planned layers and makes their variables. */
export function makeLayers(plans: LayerFactories, prefix: string, seed: number): Layer[] {
  const numeric = Object.keys(plans).find((name) => /^\d+$/.test(name));
  ensure(
    numeric === undefined,
    'layers',
    'names with a letter',
    numeric,
    'JavaScript moves number keys to the front',
  );
  return Object.entries(plans).map(([name, plan]) => plan(`${prefix}${name}`, seed));
}

/** All variables of some layers by their full names. */
export function weightsOf(layers: readonly Layer[]): Layer['weights'] {
  return Object.assign({}, ...layers.map((layer) => layer.weights));
}

/** Channels out (absent: as many as in) and stride of layers in a row. */
export function extentOf(layers: readonly Layer[]): Pick<Layer, 'channels' | 'stride'> {
  const channels = layers.reduce<number | undefined>(
    (before, layer) => layer.channels ?? before,
    undefined,
  );
  return {
    stride: layers.reduce((product, layer) => product * layer.stride, 1),
    ...(channels !== undefined && { channels }),
  };
}

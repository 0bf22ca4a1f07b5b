import type { Network } from '@kd/core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { PreprocessingOptions } from '../preprocessing/preprocess.ts';
import type { ConvolutionOp, ConvolutionWeights, Layer } from './layer.ts';

/** What `networkGraph` reads of a network, beside its name and its weights. */
export type GraphSource = LayersSource | ContinuationSource | LayersModelSource;

/** A network or a backbone that has a source. */
export interface WithGraphSource {
  readonly graphSource: GraphSource;
}

/** Layers of this package. */
export interface LayersSource {
  readonly kind: 'layers';
  readonly layers: readonly Layer[];
  readonly input: NetworkInput;
  /** Names of layers. */
  readonly taps: readonly string[];
  /** Convolutions that already do the work of the batch norm behind them, with their weights. */
  readonly folded?: ReadonlyMap<ConvolutionOp, Required<ConvolutionWeights>>;
}

/**
 * What the first layer takes: images prepared with these options; or the outputs of other layers,
 * maps, or vectors as maps of 1 × 1.
 */
export type NetworkInput = PreprocessingOptions | 'maps' | 'vectors';

/** More layers behind a tap of a network, whose outputs are the logits. */
export interface ContinuationSource {
  readonly kind: 'continuation';
  readonly network: Network;
  readonly tap: string;
  readonly layers: readonly Layer[];
  /** Names of taps among the layers. */
  readonly taps: readonly string[];
}

/** A model of TF.js. */
export interface LayersModelSource {
  readonly kind: 'layersModel';
  readonly model: LayersModel;
  readonly prepare: PreprocessingOptions;
  /** Names of layers. */
  readonly taps: readonly string[];
}

import {
  expectedError,
  type ForwardOptions,
  type GraphOperation,
  type GraphTensor,
  type LayerSummary,
  type Stateful,
} from '@kd/core';
import {
  type Rank,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';
import type { Padding } from './padding.ts';

/** A layer of a network: its variables by full name, and what it computes. */
export interface Layer extends Stateful {
  /** Path of the layer in its network: `stage1.block0.conv1`. */
  readonly name: string;
  /** Output channels; absent if there are as many as input channels. */
  readonly channels?: number;
  /**
   * Input pixels per output pixel along one side; 1 if the size stays, 0 if the output is a vector
   * [batch, channels].
   */
  readonly stride: number;
  /** @returns A new tensor that the caller owns; `x` is unchanged. */
  apply(x: Tensor, mode: ForwardOptions): Tensor;
  /**
   * The layer at inference as a list of operations that can be fused with those of its neighbours.
   * Absent: the layer runs there through `apply`, so a custom layer need not have it.
   */
  readonly inferenceOps?: readonly InferenceOp[];
  /**
   * The layer at inference as operations that run one after the other, for files of other runtimes
   * (`networkGraph` of @kd/models/graph). None: the output is x. Absent, beside no `inferenceOps`: a
   * network with this layer cannot be exported.
   *
   *     computes: () => [{ kind: 'activation', function: 'elu', alpha: 1 }]
   *
   * @param shape Shape of x without the batch.
   */
  computes?(shape: readonly number[]): readonly LayerOperation[];
}

/**
 * An operation of a graph, with its weights by value. The shape of the result, without the batch,
 * is needed where the operation does not fix it: `crop`, `reshape` and `resize`.
 */
export type LayerOperation = GraphOperation & { readonly shape?: readonly number[] };

/**
 * A layer without its name and variables yet, as `convolution(…)` and the other layers return it.
 * A custom layer is one function of this type.
 */
export type LayerFactory = (name: string, seed: number) => Layer;

/** An operation of a network at inference. */
export type InferenceOp = ConvolutionOp | BatchNormOp | ActivationOp | SumOp | ConcatOp | LayerOp;

interface NamedOp {
  /** Path of the layer that the operation belongs to. */
  readonly name: string;
}

/** A convolution (plain, grouped or depthwise) with an optional bias. */
export interface ConvolutionOp extends NamedOp {
  readonly kind: 'convolution';
  /**
   * [size, size, from / groups, to]; [size, size, channels, 1] if depthwise. The product of the
   * last two sides is the number of output channels or a multiple of it.
   */
  readonly kernel: Variable<Rank.R4>;
  /** [to]. */
  readonly bias?: Variable<Rank.R1>;
  readonly geometry: ConvolutionGeometry;
  readonly convolve: Convolve;
}

export interface ConvolutionGeometry {
  readonly stride: number;
  readonly padding: Padding;
  /** As many as channels: a depthwise convolution. */
  readonly groups: number;
}

/** activation(kernel ∗ maps + bias), in as few kernels of the engine as possible. */
export type Convolve = (
  maps: Tensor4D,
  weights: ConvolutionWeights,
  activation: Activation,
) => Tensor4D;

/** Kernel and bias of a convolution, with the shapes of its `ConvolutionOp`. */
export interface ConvolutionWeights {
  readonly kernel: Tensor4D;
  readonly bias?: Tensor1D;
}

/** The activation that is computed in the same kernel as the operation before it. */
export type Activation = 'linear' | Rectifier;

/** max(x, 0), or min(max(x, 0), 6). */
export type Rectifier = 'relu' | 'relu6';

/** scale · (x − mean) / √(variance + epsilon) + offset, channel by channel. */
export interface BatchNormOp extends NamedOp {
  readonly kind: 'batchNorm';
  readonly scale: Variable<Rank.R1>;
  readonly offset: Variable<Rank.R1>;
  readonly mean: Variable<Rank.R1>;
  readonly variance: Variable<Rank.R1>;
  readonly epsilon: number;
}

export interface ActivationOp extends NamedOp {
  readonly kind: 'activation';
  readonly activation: Rectifier;
}

/** body(x) + shortcut(x); a shortcut without operations is x itself. */
export interface SumOp extends NamedOp {
  readonly kind: 'sum';
  readonly body: readonly InferenceOp[];
  readonly shortcut: readonly InferenceOp[];
}

/** The output channels of all branches, concatenated; the input of each is x. */
export interface ConcatOp extends NamedOp {
  readonly kind: 'concat';
  readonly branches: readonly (readonly InferenceOp[])[];
}

/** A layer that runs through its `apply` with `training: false`. */
export interface LayerOp {
  readonly kind: 'layer';
  readonly layer: Layer;
}

/** The operations of consecutive layers. */
export function inferenceOpsOf(layers: readonly Layer[]): InferenceOp[] {
  return layers.flatMap((layer) => layer.inferenceOps ?? [{ kind: 'layer', layer }]);
}

/**
 * Applies a layer. If it has weights and reports nothing to `mode.onLayer`, its name, shape and
 * parameters are reported here, with unknown (NaN) multiply-adds.
 */
export function applyLayer(layer: Layer, x: Tensor, mode: ForwardOptions): Tensor {
  const { onLayer } = mode;
  if (onLayer === undefined) return layer.apply(x, mode);
  let hasReported = false;
  const report = (summary: LayerSummary) => {
    hasReported = true;
    onLayer(summary);
  };
  const y = layer.apply(x, { ...mode, onLayer: report });
  if (!hasReported && Object.keys(layer.weights).length > 0) {
    onLayer({
      name: layer.name,
      kind: 'custom',
      outputShape: y.shape.slice(1),
      parameters: countTrainable(layer.weights),
      macs: Number.NaN,
    });
  }
  return y;
}

/**
 * Applies consecutive layers; intermediate activations are freed (after the backward pass, if
 * there is one).
 */
export function applyLayers(layers: readonly Layer[], x: Tensor, mode: ForwardOptions): Tensor {
  return tidy(() => layers.reduce((activations, layer) => applyLayer(layer, activations, mode), x));
}

/** Output of consecutive layers, and the outputs of those among them that are tapped. */
export interface Activations {
  readonly activations: Tensor;
  readonly features: Readonly<Record<string, Tensor>>;
}

/**
 * Applies consecutive layers within the caller's `tidy`.
 * @param taps Names of layers whose outputs become `features`.
 */
export function applyTapped(
  layers: readonly Layer[],
  x: Tensor,
  taps: ReadonlySet<string>,
  mode: ForwardOptions,
): Activations {
  const features: Record<string, Tensor> = {};
  let activations = x;
  for (const layer of layers) {
    activations = applyLayer(layer, activations, mode);
    if (taps.has(layer.name)) features[layer.name] = activations;
  }
  return { activations, features };
}

/**
 * Throws unless x is [batch, height, width, channels].
 * @param channels null: any number.
 */
export function assertMaps(caller: string, x: Tensor, channels: number | null): Tensor4D {
  if (x.rank !== 4 || (channels !== null && x.shape[3] !== channels)) {
    throw expectedError(
      caller,
      `feature maps [batch, height, width, ${channels ?? 'channels'}]`,
      `[${x.shape.join(', ')}]`,
    );
  }
  return x as Tensor4D;
}

/** Throws unless x is [batch, channels]. */
export function assertVectors(caller: string, x: Tensor, channels: number): Tensor2D {
  if (x.rank !== 2 || x.shape[1] !== channels) {
    throw expectedError(
      caller,
      `vectors [batch, ${channels}]`,
      `[${x.shape.join(', ')}]`,
      'pool or flatten the maps before, and count the channels again',
    );
  }
  return x as Tensor2D;
}

/** The number of values in the variables that train. */
export function countTrainable(weights: Readonly<Record<string, Variable>>): number {
  return Object.values(weights).reduce(
    (sum, weight) => sum + (weight.trainable ? weight.size : 0),
    0,
  );
}

/** The values of a tensor as weights of a graph. */
export function graphTensor(tensor: Tensor): GraphTensor {
  return { shape: tensor.shape, values: tensor.dataSync<'float32'>() };
}

/** The bias, as weights of a graph, of a layer that has none. */
export function zeroBias(to: number): GraphTensor {
  return { shape: [to], values: new Float32Array(to) };
}

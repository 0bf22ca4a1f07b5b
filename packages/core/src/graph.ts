/**
 * What a network computes at inference, as a list of operations with their weights: what a file of
 * another runtime is written from. Nothing here depends on an engine.
 *
 * Values are float32; maps are [batch, height, width, channels], vectors [batch, channels]. Shapes
 * are given without the batch.
 */

/** A network at inference. */
export interface Graph {
  /** Name of the network. */
  readonly name: string;
  /** The one input. */
  readonly input: GraphInput;
  /** Each comes after the nodes whose values it takes. */
  readonly nodes: readonly GraphNode[];
  /** Name of the value that is the logits, [classes]. */
  readonly logits: string;
  /** Names of the values of the network's taps. */
  readonly features: Readonly<Record<string, string>>;
}

export interface GraphInput {
  readonly name: string;
  /** [height, width, channels] of the images, 0–1, that the network is given. */
  readonly shape: readonly [number, number, number];
}

/** One operation. */
export type GraphNode = GraphNodeBase & GraphOperation;

export interface GraphNodeBase {
  /** Name of its value, and of the node: `stage1.block0.conv1`. */
  readonly name: string;
  /** Names of values, or of the graph's input. */
  readonly inputs: readonly string[];
  /** Shape of its value. */
  readonly shape: readonly number[];
}

export type GraphOperation =
  | ConvolutionNode
  | DenseNode
  | ChannelAffineNode
  | ActivationNode
  | ArithmeticNode
  | PoolNode
  | GlobalPoolNode
  | ConcatNode
  | SliceChannelsNode
  | ShuffleChannelsNode
  | PadNode
  | SubsampleNode
  | CropNode
  | ReshapeNode
  | ResizeNode;

/** Weights by value, row-major. */
export interface GraphTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** max(x, 0), or min(max(x, 0), 6), or nothing, in the same operation. */
export type FusedActivation = 'linear' | 'relu' | 'relu6';

/** Rows and columns of padding. */
export interface Pads {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** activation(kernel ∗ x + bias), with batch norm folded. */
export interface ConvolutionNode {
  readonly kind: 'convolution';
  /**
   * [height, width, channels / groups, to]. A depthwise one has as many groups as channels, and a
   * kernel [height, width, 1, to]: output channel o belongs to input channel ⌊o · channels / to⌋.
   */
  readonly kernel: GraphTensor;
  /** [to]. */
  readonly bias: GraphTensor;
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly groups: number;
  /** Zeros around the maps, always written out. */
  readonly pads: Pads;
  readonly activation: FusedActivation;
}

/** activation(x · kernel + bias), of vectors, or of the last axis. */
export interface DenseNode {
  readonly kind: 'dense';
  /** [from, to]. */
  readonly kernel: GraphTensor;
  /** [to]. */
  readonly bias: GraphTensor;
  readonly activation: FusedActivation;
}

/** activation(scale · x + offset), channel by channel: a batch norm that stands alone. */
export interface ChannelAffineNode {
  readonly kind: 'channelAffine';
  /** [channels]; one value stands for all channels. */
  readonly scale: GraphTensor;
  /** [channels]; one value stands for all channels. */
  readonly offset: GraphTensor;
  readonly activation: FusedActivation;
}

/** A function of each value. */
export interface ActivationNode {
  readonly kind: 'activation';
  readonly function:
    | 'relu'
    | 'relu6'
    | 'sigmoid'
    | 'hardSigmoid' // clip(0.2 x + 0.5, 0, 1)
    | 'tanh'
    | 'elu' // α (eˣ − 1) below 0
    | 'selu'
    | 'leakyRelu' // α x below 0
    | 'prelu' // slopes · x below 0
    | 'softplus'
    | 'softsign'
    | 'swish' // x · sigmoid(x)
    | 'gelu' // x · Φ(x), exact
    | 'softmax'; // along the channels
  /** Of elu and leakyRelu. */
  readonly alpha?: number;
  /** Of prelu: [channels]. */
  readonly slopes?: GraphTensor;
}

/**
 * activation(a ∘ b): two or more inputs of one shape, or of shapes that broadcast ([1, 1, channels]
 * against maps).
 */
export interface ArithmeticNode {
  readonly kind: 'arithmetic';
  readonly function: 'add' | 'subtract' | 'multiply' | 'maximum' | 'minimum' | 'average';
  readonly activation: FusedActivation;
}

/** Maximum or mean over windows. */
export interface PoolNode {
  readonly kind: 'pool';
  readonly function: 'max' | 'average';
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Never the maximum; in a mean as `countsPadding` has it. */
  readonly pads: Pads;
  /** Whether padding counts in a mean, as zeros (PyTorch) or not (TensorFlow). */
  readonly countsPadding: boolean;
}

/** Maximum or mean over the whole map. */
export interface GlobalPoolNode {
  readonly kind: 'globalPool';
  readonly function: 'max' | 'average';
  /** true: maps [1, 1, channels]; false: vectors [channels]. */
  readonly keepsMaps: boolean;
}

/** Channels of all inputs, one after the other. */
export interface ConcatNode {
  readonly kind: 'concat';
}

/** The channels first, first + 1 … first + count − 1. */
export interface SliceChannelsNode {
  readonly kind: 'sliceChannels';
  readonly first: number;
  readonly count: number;
}

/** The first channel of every group, then the second of every group, and so on. */
export interface ShuffleChannelsNode {
  readonly kind: 'shuffleChannels';
  readonly groups: number;
}

/** A constant around maps, and around their channels. */
export interface PadNode {
  readonly kind: 'pad';
  readonly pads: Pads;
  readonly channels: readonly [before: number, after: number];
  readonly value: number;
}

/** The pixels 0, s, 2 s … of the rows 0, s, 2 s …. */
export interface SubsampleNode {
  readonly kind: 'subsample';
  readonly stride: number;
}

/** The rows and columns from top and left on; the size is that of the node. */
export interface CropNode {
  readonly kind: 'crop';
  readonly top: number;
  readonly left: number;
}

/** The same values in another shape, in the order of [height, width, channels]: a flattening. */
export interface ReshapeNode {
  readonly kind: 'reshape';
}

/**
 * Maps of another height and width. `bilinear` and `bicubic` have the pixel centers of PyTorch's
 * `align_corners=False`; with antialias they are Pillow's (the cubic has a = −½, else −¾);
 * `nearest` repeats pixels a whole number of times.
 */
export interface ResizeNode {
  readonly kind: 'resize';
  readonly interpolation: 'nearest' | 'bilinear' | 'bicubic';
  readonly antialias: boolean;
}

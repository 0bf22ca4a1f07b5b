/**
 * The nouns of @kd: types that every package uses and that a component of your own implements.
 * A component is one function or one object of these types; nothing is registered.
 *
 * Sections: data · networks · teachers · losses and optimizers · processes · files and progress.
 */
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-core';

// ---------------------------------------------------------------------------------------- data

/**
 * Which view (augmentation) of the images a batch holds. The pixels of an image depend on its index
 * and on this key, and on nothing else.
 */
export interface ViewKey {
  /**
   * The augmentations in order, as text:
   * `randomCrop(padding=4,fill=reflect)+randomHorizontalFlip()`; `plain` if there are none.
   */
  readonly spec: string;
  /** Seed of all random draws of this view, an unsigned 32-bit integer; 0 without augmentations. */
  readonly seed: number;
}

/**
 * Images and labels of one step. The tensors belong to the data loader and are valid until the next
 * batch is requested.
 */
export interface Batch {
  /**
   * float32 [batch, height, width, channels], 0–1. The images are not normalized, since every
   * network preprocesses its own input. If a frozen backbone has been cached: its features, vectors
   * as maps of 1 × 1.
   */
  readonly images: Tensor4D;
  /**
   * int32 [batch], 0 ≤ label < classes; −1: the image has no label, a teacher alone teaches it.
   * Where images were mixed, the label of the image that the index names, in every view.
   */
  readonly labels: Tensor1D;
  /**
   * float32 [batch, classes], rows that add up to 1: present where images were mixed, and then in
   * place of the labels (mixup, cutmix). A row of zeros: no label.
   */
  readonly targets?: Tensor2D;
  /** [batch], positions in the whole dataset (not in a subset of it): the key of cached outputs. */
  readonly indices: Int32Array;
  readonly view: ViewKey;
}

/** Description of a labelled image dataset. */
export interface DatasetInfo {
  /** Name for people: `CIFAR-10 train`. */
  readonly name: string;
  readonly classNames: readonly string[];
  /** [height, width, channels]. */
  readonly imageShape: readonly [number, number, number];
  /**
   * Returns the sha256 of pixels and labels in hexadecimal: two datasets are equal exactly when
   * their fingerprints are.
   */
  fingerprint(): Promise<string>;
}

/** Yields a dataset in batches. `dataLoader()` of @kd/data makes one; any such object will do. */
export interface DataLoader {
  readonly dataset: DatasetInfo;
  /** Images in one epoch. */
  readonly size: number;
  /** Number of its images that have a label; absent: all have. */
  readonly labelledImages?: number;
  readonly batchSize: number;
  /** Batches in one epoch, after `dropLast`. */
  readonly batchesPerEpoch: number;
  /**
   * Number of different views before they repeat: epoch e shows view e mod viewCount. `Infinity`:
   * they never repeat.
   */
  readonly viewCount: number;
  /**
   * The part of each batch that this process gets, if it is not the whole batch. `size` and
   * `batchSize` count the whole.
   */
  readonly shard?: Shard;
  /** Returns the key of a view, 0 ≤ number < viewCount. */
  view(number: number): ViewKey;
  /**
   * Returns the indices of an epoch in their order, before `dropLast` and for all shards. It
   * depends on the seed alone and reads no image.
   */
  order(epoch: number): Int32Array;
  /** Yields one epoch in its own seeded order. @param from First batch, for resuming; 0. */
  epoch(epoch: number, from?: number): AsyncIterable<Batch>;
  /** Yields every image once, in order, under one view: for evaluation and for caching outputs. */
  iterateOnce(viewNumber?: number): AsyncIterable<Batch>;
}

// ------------------------------------------------------------------------------------ networks

/** Outputs of a forward pass. */
export interface Outputs {
  /** [batch, classes], before softmax. */
  readonly logits: Tensor2D;
  /** Intermediate activations by name; maps are [batch, height, width, channels]. */
  readonly features: Readonly<Record<string, Tensor>>;
}

/** Owner of variables that a checkpoint stores. */
export interface Stateful {
  /**
   * Variables by name, in the sense in which Keras uses the word: those that train and those that
   * do not (running averages, counters). `trainable` of each variable tells them apart.
   */
  readonly weights: Readonly<Record<string, Variable>>;
}

/** Shape of an intermediate activation that a network can return. */
export interface FeatureInfo {
  readonly channels: number;
  /**
   * Input pixels per feature pixel along one side, counted after the network's own resizing; 0 for
   * vectors [batch, channels].
   */
  readonly stride: number;
}

/** One layer of a network as a forward pass reports it. */
export interface LayerSummary {
  readonly name: string;
  readonly kind: string;
  /** Without the batch. */
  readonly outputShape: readonly number[];
  /** Number of trained and untrained values. */
  readonly parameters: number;
  /** Multiply-accumulate operations for one image, of convolutions and matrix products. */
  readonly macs: number;
}

/** Mode of a forward pass. It is an argument of every call, never state of the network. */
export interface ForwardOptions {
  /**
   * true: batch norm uses the statistics of the batch and updates its running averages. false: it
   * uses the running averages, and nothing changes.
   */
  readonly training: boolean;
  /**
   * int32 [2], source of all randomness of this pass: a layer draws by `randomUniform(shape,
   * foldIn(mode.seed, name))`. The trainer passes another seed at every step, and the same one at
   * the same step of a resumed training. A random layer throws in training if there is none.
   */
  readonly seed?: Tensor1D;
  /** Called with every layer in order; for `summary`. */
  readonly onLayer?: (layer: LayerSummary) => void;
}

/**
 * A network for inference alone, with its batch norm folded into its convolutions. It belongs to
 * the network that made it and is freed with it.
 */
export interface InferenceNetwork {
  /**
   * Returns what the network's own `forward` returns with `training: false`, features included, up
   * to rounding. Only tensors are involved: it may be compiled.
   */
  forward(images: Tensor4D): Outputs;
  /**
   * Folds again if a variable of the network has been assigned since; costs next to nothing
   * otherwise. Call it before `forward` and outside of compiled functions: the folded weights are
   * variables, which it assigns, so that nothing has to be compiled again.
   */
  refresh(): void;
}

/** Maps our name of a layer to another library's: `stage1.block0.conv1` → `layer1.0.conv1`. */
export type StateDictKeyMap = (layer: string) => string;

/**
 * A neural network. `weights`, `forward` and `dispose` suffice; the other members serve reports,
 * speed and loading of published weights.
 */
export interface Network extends Stateful {
  readonly name?: string;
  /**
   * The network's own preprocessing (size, interpolation, mean, standard deviation) as text; part
   * of a teacher's fingerprint.
   */
  readonly preprocessing?: string;
  /** Intermediate activations that `forward` returns as features. */
  readonly featureInfo?: Readonly<Record<string, FeatureInfo>>;
  /**
   * Name of the layer that computes the logits. Its weights are called `head.…`; other classes need
   * a new one. All other layers are the backbone.
   */
  readonly head?: string;
  /**
   * Names of this network's layers in published weights, by library or repository: `torchvision`.
   * Weights are saved under the names of the first.
   */
  readonly keyMaps?: Readonly<Record<string, StateDictKeyMap>>;
  /** Runs the network. @param images float32 [batch, height, width, channels], 0–1. */
  forward(images: Tensor4D, mode: ForwardOptions): Outputs;
  /**
   * Returns a faster form for inference, if there is one. The first call makes it; later calls
   * return the same object.
   */
  inference?(): InferenceNetwork;
  /** Frees the variables, those of `inference()` too. */
  dispose(): void;
}

/**
 * The first layers of a network, from images to activations, always with running averages and
 * without gradients. As long as its weights stay, its output for a view never changes, so that it
 * can be cached. `splitBackbone` of @kd/models makes one.
 */
export interface Backbone extends Stateful {
  readonly name: string;
  /** As `Network.preprocessing`. */
  readonly preprocessing: string;
  /** Name of its last layer. */
  readonly end: string;
  /** Names of the intermediate activations that `forward` returns. */
  readonly featureNames: readonly string[];
  /**
   * Runs the backbone; it may be compiled.
   * @returns Activations of the features and of the last layer by name: maps [batch, height, width,
   * channels] or vectors [batch, channels]; the caller owns them.
   */
  forward(images: Tensor4D): Readonly<Record<string, Tensor>>;
}

// ------------------------------------------------------------------------------------ teachers

/**
 * Fingerprint of a model. It is stored with cached outputs, which are refused for any other model.
 */
export interface ModelFingerprint {
  readonly name: string;
  /** sha256 of the weights with their names, in hexadecimal. */
  readonly weights: string;
  readonly preprocessing: string;
}

/**
 * A function from a batch to outputs: a network, an ensemble or cached outputs. The caller owns the
 * tensors.
 */
export interface Teacher {
  (batch: Batch): Outputs;
  /**
   * The same without blocking the event loop, for teachers that can. The batch must stay valid
   * until
   * the promise is settled.
   */
  readonly predictAsync?: (batch: Batch) => Promise<Outputs>;
  readonly fingerprint?: () => Promise<ModelFingerprint>;
}

// ------------------------------------------------------------------------ losses and optimizers

/** A pure function of training progress, which is 0 at the first step and 1 at the end. */
export type Schedule = (progress: number) => number;

/** Inputs of a loss at one training step. */
export interface LossInputs {
  /** int32 [batch]; −1: no label. */
  readonly labels: Tensor1D;
  /** `Batch.targets`, where the images were mixed. */
  readonly targets?: Tensor2D;
  readonly student: Outputs;
  /** Absent in a training without a teacher. */
  readonly teacher?: Outputs;
  /** Values of the term's own `schedules` at this step, by name. */
  readonly scheduledValues: Readonly<Record<string, Scalar>>;
  /** int32 [batch], `Batch.indices`; present if a term has `needsIndices`. */
  readonly indices?: Tensor1D;
  /** int32 [2], source of all randomness of this step, used as `ForwardOptions.seed` is. */
  readonly seed?: Tensor1D;
  /**
   * Sums a tensor over all parts of the batch, where these images are one of them: present in a
   * group of processes, for a mean over some images of the whole batch. It has no gradient.
   */
  readonly sumOverShards?: (values: Tensor1D) => Tensor1D;
}

/** One term of an objective: returns the mean loss over the batch. */
export interface LossTerm extends Partial<Stateful> {
  (step: LossInputs): Scalar;
  /**
   * Schedules of values that change from step to step, by name. The trainer evaluates them and
   * passes the values as `step.scheduledValues`.
   */
  readonly schedules?: Readonly<Record<string, Schedule>>;
  /** Whether the term reads `step.teacher`; a training without a teacher is then refused. */
  readonly needsTeacher?: boolean;
  /**
   * Whether the term reads `step.indices`, to store something for every image. A group of processes
   * refuses such a term, since each process sees other images.
   */
  readonly needsIndices?: boolean;
  /**
   * Whether the term needs one label for every image. The trainer then refuses batches with images
   * that have no label or are mixed from several.
   */
  readonly needsLabels?: boolean;
}

/** The whole objective: the weighted sum of its terms, and each term by name. */
export interface Objective<Name extends string = string> extends Stateful {
  (step: LossInputs): { readonly total: Scalar; readonly terms: Readonly<Record<Name, Scalar>> };
  readonly schedules: Readonly<Record<string, Schedule>>;
  readonly needsTeacher: boolean;
  readonly needsIndices?: boolean;
  /** Names of the terms with `needsLabels`. */
  readonly needsLabels?: readonly string[];
}

/**
 * Updates weights along their gradients. Its slots (momenta and others) are `weights` too, named
 * after the weight that they belong to, so that a checkpoint stores them.
 */
export interface Optimizer extends Stateful {
  /** @param gradients By the names of the weights it was made for. @param learningRate Scalar. */
  apply(gradients: Readonly<Record<string, Tensor>>, learningRate: Scalar): void;
  dispose(): void;
}

/** Creates an optimizer with slots for the given weights: `sgd({ momentum: 0.9 })` returns one. */
export interface OptimizerFactory {
  (weights: Readonly<Record<string, Variable>>): Optimizer;
  /** Its kind and options. A checkpoint stores them and refuses to be resumed with others. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
}

// ----------------------------------------------------------------------------------- processes

/**
 * The part of every batch that one process gets: of n images those from ⌊n · rank / size⌋ to
 * ⌊n · (rank + 1) / size⌋.
 */
export interface Shard {
  /** 0 ≤ rank < size. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
}

/**
 * Processes that train together (data parallel). All of them must call the same reductions in the
 * same order.
 */
export interface ProcessGroup extends Shard {
  /**
   * Sums a float32 or int32 tensor, of the same shape everywhere, over all processes; the result is
   * the same to the last bit in each. It may be part of a compiled function and has no gradient.
   */
  allReduceSum<Kind extends Tensor>(tensor: Kind): Kind;
}

// ---------------------------------------------------------------------------- files and progress

/** Storage of named files: a directory on disk, memory in a test, storage of a browser. */
export interface Store {
  /** Where it is, for messages. */
  readonly location: string;
  /** Reads a file; undefined if it does not exist. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Writes a file atomically: after an error the old content is still there. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Fills the targets of some parts of one file, without reading the rest of it. A store without it
   * reads whole files alone. @throws Error if the file is missing or too short.
   */
  readParts?(name: string, parts: readonly FilePart[]): Promise<void>;
}

/** A part of a file, as long as its target. */
export interface FilePart {
  /** First byte. */
  readonly start: number;
  readonly target: Uint8Array;
}

/** Progress of one long operation. */
export interface Progress {
  /** @param done Part of `total`. @param message End of the line: `loss 1.23`. */
  update(done: number, message?: string): void;
  end(message?: string): void;
}

/** Opens a progress display. @param unit What is counted: `images`; `B` for bytes. */
export type ProgressFactory = (label: string, total: number, unit: string) => Progress;

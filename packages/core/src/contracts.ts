/**
 * The nouns of @kd. Every package speaks in these types, and a piece of your own is one function or
 * one object of them.
 */
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-core';

/**
 * Which view (augmentation) of every row some pixels are: the pixels of a row depend on its row
 * number and on this, and on nothing else.
 */
export interface ViewKey {
  /**
   * The transforms in order, as text: `randomCrop(pad=4,fill=reflect)+flip()`; `plain` where there
   * is none.
   */
  readonly spec: string;
  /**
   * The number all draws of this view come from, an unsigned 32-bit integer; 0 where there is
   * nothing to draw.
   */
  readonly seed: number;
}

/**
 * Some rows of an image set, ready for a step. It belongs to its source and lives until the next
 * one is asked for.
 */
export interface Batch {
  /**
   * float32 [batch, height, width, channels]: pictures, 0–1, not normalized, for each network
   * prepares its own input. For the head of a network, what its body said of
   * the pictures, vectors as maps of 1 × 1.
   */
  readonly images: Tensor4D;
  /** int32 [batch], 0 ≤ label < classes. */
  readonly labels: Tensor1D;
  /** Row numbers in the whole image set (not in a split of it): the key of a recorded teacher. */
  readonly indices: Int32Array;
  readonly view: ViewKey;
}

/** What a set of labelled pictures says of itself. */
export interface DatasetInfo {
  /** For people: `CIFAR-10 train`. */
  readonly name: string;
  readonly classNames: readonly string[];
  /** [height, width, channels]. */
  readonly imageShape: readonly [number, number, number];
  /**
   * sha256, in hexadecimal, of pixels and labels: two sets are the same set exactly when these are
   * equal.
   */
  fingerprint(): Promise<string>;
}

/**
 * Which part of every batch a process takes: of n pictures those from ⌊n · rank / size⌋ to ⌊n ·
 * (rank + 1) / size⌋.
 */
export interface Shard {
  /** 0 ≤ rank < size. */
  readonly rank: number;
  readonly size: number;
}

/** Processes that compute together. All of them ask for the same sums in the same order. */
export interface ProcessGroup extends Shard {
  /**
   * Σ over the processes of float32 or int32 tensors, of one shape everywhere; the same bits for
   * all. Only tensors: part of what is compiled. It has no gradient.
   */
  allReduceSum<Kind extends Tensor>(tensor: Kind): Kind;
}

/**
 * Deals out a data set in batches. `dataLoader()` of @kd/data makes one; any object of this shape
 * will do.
 */
export interface DataLoader {
  readonly dataset: DatasetInfo;
  /** Pictures in one pass. */
  readonly size: number;
  readonly batchSize: number;
  /** Batches that `epoch` deals, after `dropLast`. */
  readonly batchesPerEpoch: number;
  /**
   * Different views that epochs go through before they repeat: epoch e shows view e mod viewCount.
   * `Infinity`: never.
   */
  readonly viewCount: number;
  /**
   * The part of each batch that it deals, where it is not the whole: `rows` and `batchSize` are
   * those of the whole.
   */
  readonly shard?: Shard;
  /** The view with this number, 0 ≤ number < viewCount. */
  view(number: number): ViewKey;
  /**
   * Rows of the whole image set in the order in which `epoch` deals them, before `dropLast` and
   * whatever the shard: the seed's alone, no picture is touched.
   */
  order(epoch: number): Int32Array;
  /** One epoch in its own seeded order; `from` is the first batch wanted, for resuming. */
  epoch(epoch: number, from?: number): AsyncIterable<Batch>;
  /** Every row once, in order, under one view: for evaluating and for recording a teacher. */
  iterateOnce(viewNumber?: number): AsyncIterable<Batch>;
}

/** What a network says of some pictures. */
export interface Outputs {
  /** [batch, classes], before softmax. */
  readonly logits: Tensor2D;
  /** Inner activations by the name of their tap; maps are [batch, height, width, channels]. */
  readonly features: Readonly<Record<string, Tensor>>;
}

/**
 * Owns variables that a checkpoint must keep: name → variable. Whether one trains is the variable's
 * own `trainable`.
 */
export interface Stateful {
  readonly weights: Readonly<Record<string, Variable>>;
}

/** Where a network can be tapped. */
export interface FeatureInfo {
  readonly channels: number;
  /**
   * Input pixels per feature pixel along one side; of the image after the network's own resizing. 0
   * for vectors [batch, channels].
   */
  readonly stride: number;
}

/** What one layer tells of itself while a forward pass is observed. */
export interface LayerSummary {
  readonly name: string;
  readonly kind: string;
  /** Without the batch. */
  readonly outputShape: readonly number[];
  readonly parameters: number;
  /** Multiply-adds for one picture, of convolutions and matrix products. */
  readonly macs: number;
}

/** How a forward pass runs: an argument of every call, never state. */
export interface ForwardOptions {
  /**
   * true: batch statistics, running averages move. false: running averages are used and nothing
   * changes.
   */
  readonly training: boolean;
  /**
   * int32 [2]: what this pass draws at random, it draws from here, by `randomUniform(shape,
   * foldIn(mode.seed, name))` of @kd/core. Another one at every step of a
   * training, the same at the same step of a resumed one. Who trains gives it; a layer that draws
   * in training and finds none stops with an error.
   */
  readonly seed?: Tensor1D;
  /** Told of every layer in order; for `summary`. */
  readonly onLayer?: (layer: LayerSummary) => void;
}

/**
 * A network for inference alone, its batch norm folded into its convolutions. It belongs to the
 * network it was made of and is freed with it.
 */
export interface InferenceNetwork {
  /**
   * What the network's own forward gives with `training: false`, features too, within rounding.
   * Only tensors: it may be compiled.
   */
  forward(images: Tensor4D): Outputs;
  /**
   * Folds anew where a weight of the network has moved since (`trackVariableVersions` of @kd/core
   * tells); costs next to nothing where none has. Call it
   * before `forward`, outside of what is compiled: the folded weights are variables, which it
   * assigns, so that nothing is compiled again.
   */
  refresh(): void;
}

/**
 * What another library calls the layers of a network: our layer path → theirs,
 * `stage1.block0.conv1` → `layer1.0.conv1`.
 */
export type StateDictKeyMap = (layer: string) => string;

/**
 * A network. `weights`, `forward` and `dispose` make one; the rest is for reports, for speed and
 * for weights from elsewhere.
 */
export interface Network extends Stateful {
  readonly name?: string;
  /**
   * How it prepares its input (size, interpolation, mean, deviation), as text: part of a recorded
   * teacher's identity.
   */
  readonly preprocessing?: string;
  readonly featureInfo?: Readonly<Record<string, FeatureInfo>>;
  /**
   * The layer that gives the logits: its weights are those called `head.…`, and a new set of
   * classes needs a new one. The rest is the body.
   */
  readonly head?: string;
  /**
   * How published weights of this network call its layers, by library or repository: `torchvision`.
   * The first is the one to save by.
   */
  readonly keyMaps?: Readonly<Record<string, StateDictKeyMap>>;
  forward(images: Tensor4D, mode: ForwardOptions): Outputs;
  /**
   * A quicker form for inference, where there is one: made (and fresh) at the first call, the same
   * one at every later call.
   */
  inference?(): InferenceNetwork;
  /** Frees the variables, those of `folded()` too. */
  dispose(): void;
}

/**
 * The first layers of a network: pictures in, activations out, always with running averages and
 * outside of gradients. While its weights stay, it says the
 * same of a view for ever, so that it need be asked only once. `splitBackbone` of @kd/models makes
 * one.
 */
export interface Backbone extends Stateful {
  readonly name: string;
  /** As `Network.preparation`. */
  readonly preprocessing: string;
  /** Name of the layer that it ends with. */
  readonly end: string;
  /** Names of layers that are tapped on the way. */
  readonly featureNames: readonly string[];
  /**
   * @returns By name, the activations of the taps and of the end: maps [batch, height, width,
   * channels] or vectors [batch, channels], the caller's. Only tensors: it may be compiled.
   */
  forward(images: Tensor4D): Readonly<Record<string, Tensor>>;
}

/** Who a teacher is; a recording keeps it, and replaying under another is refused. */
export interface ModelFingerprint {
  readonly name: string;
  /** sha256, in hexadecimal, of its weights by name. */
  readonly weights: string;
  readonly preprocessing: string;
}

/**
 * A function of a batch: live, an ensemble or replayed from a recording, nobody can tell. The
 * caller owns the tensors.
 */
export interface Teacher {
  (batch: Batch): Outputs;
  /**
   * The same without holding up the event loop, for teachers that can. The batch lives until then.
   */
  readonly predictAsync?: (batch: Batch) => Promise<Outputs>;
  readonly fingerprint?: () => Promise<ModelFingerprint>;
}

/** A plain function of training progress, 0 at the first step and 1 at the end. */
export type Schedule = (progress: number) => number;

/** All that a loss may look at in one training step. */
export interface LossInputs {
  /** int32 [batch]. */
  readonly labels: Tensor1D;
  readonly student: Outputs;
  readonly teacher?: Outputs;
  /** The values of the term's own `numbers` at this step. */
  readonly scheduledValues: Readonly<Record<string, Scalar>>;
  /**
   * int32 [batch]: row numbers of the pictures in the whole image set, `Batch.indices`. The trainer
   * gives them where a term `needsRows`.
   */
  readonly indices?: Tensor1D;
  /**
   * int32 [2]: what a term draws at random, it draws from here, as a layer does from `Mode.seed`.
   * The trainer gives it.
   */
  readonly seed?: Tensor1D;
}

/** One part of an objective: a step in, one number out (mean over the batch). */
export interface LossTerm extends Partial<Stateful> {
  (step: LossInputs): Scalar;
  /**
   * What changes from step to step enters as a number: name → schedule. The trainer evaluates it
   * and hands the value in as `step.numbers[name]`.
   */
  readonly schedules?: Readonly<Record<string, Schedule>>;
  /**
   * True where the term reads `step.teacher`: a training without a teacher then stops at the door.
   */
  readonly needsTeacher?: boolean;
  /**
   * True where the term reads `step.rows`, to remember something of every picture. A group, each of
   * whose processes sees other pictures, refuses it.
   */
  readonly needsIndices?: boolean;
}

/** The whole of what is minimised, with its parts by name. */
export interface Objective<Name extends string = string> extends Stateful {
  (step: LossInputs): { readonly total: Scalar; readonly terms: Readonly<Record<Name, Scalar>> };
  readonly schedules: Readonly<Record<string, Schedule>>;
  readonly needsTeacher: boolean;
  readonly needsIndices?: boolean;
}

/**
 * Moves weights along gradients. Its slots (momenta …) are weights too, named after what they
 * belong to: a checkpoint keeps them.
 */
export interface Optimizer extends Stateful {
  /** @param gradients By the names of the weights it was made for. @param learningRate Scalar. */
  apply(gradients: Readonly<Record<string, Tensor>>, learningRate: Scalar): void;
  dispose(): void;
}

/** `sgd({ momentum: 0.9 })` is one of these: it makes the slots for some weights. */
export interface OptimizerFactory {
  (weights: Readonly<Record<string, Variable>>): Optimizer;
  /** Its kind and options, kept in a checkpoint: a resume with others is refused. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
}

/** A place for named files: a folder on disk, memory in a test, a browser's storage. */
export interface Store {
  /** For messages: where it is. */
  readonly location: string;
  /** undefined where there is no such file. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Whole or not at all. */
  write(name: string, bytes: Uint8Array): Promise<void>;
}

/** Shown while long work runs. */
export interface Progress {
  /** @param done Of `total`. @param note For the end of the line: `loss 1.23`. */
  update(done: number, note?: string): void;
  end(note?: string): void;
}

/** Opens a progress line. @param unit What is counted: `images`, `B` for bytes. */
export type ProgressFactory = (label: string, total: number, unit: string) => Progress;

/** Metrics of one evaluation, as recorded. */
export interface MetricsRecord {
  /** Share of images whose most probable class is the label, 0–1. */
  readonly top1: number;
  readonly top5: number;
  /** Mean cross entropy with the labels, nats. */
  readonly loss: number;
  /** Expected calibration error, 0–1. */
  readonly calibrationError: number;
  readonly images: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** Metrics on the test images. */
export interface EvaluationRecord extends MetricsRecord {
  /** Counts of images, [label][prediction]. */
  readonly confusion: readonly (readonly number[])[];
}

/** One epoch of a training, as recorded. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  readonly steps: number;
  readonly images: number;
  /** Seconds of training, without the validation. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly learningRate: number;
  /** Means of the loss terms over the epoch, and their `total`. */
  readonly terms: Readonly<Record<string, number>>;
  /** Accuracy on the augmented training images, 0–1. */
  readonly accuracy: number;
  /** Mean norm of the gradient before clipping; only where it was clipped. */
  readonly gradientNorm?: number;
  readonly validation?: MetricsRecord;
  /** Whether the validation accuracy was higher than after every epoch before. */
  readonly isBest: boolean;
}

/** A network and how it was trained. */
export interface TrainingChoiceRecord {
  readonly architecture: string;
  readonly epochs: number;
  readonly peakRate: number;
  readonly clipNorm?: number;
  /** Side in pixels to which the images were resized; absent: their own size. */
  readonly size?: number;
  /** A frozen pretrained backbone under a new head. */
  readonly body?: { readonly weights: string };
}

/** The method, with its weights and its strategy. */
export interface DistillationRecord {
  readonly method: string;
  /** > 0; absent where the method has no temperature. */
  readonly temperature?: number;
  /** Weight of the cross entropy with the labels. */
  readonly hard: number;
  /** Weight of the method's loss. */
  readonly soft: number;
  /** Bound of the gradient's norm that the method adds to the student's training. */
  readonly clipNorm?: number;
  /** Architecture of the teacher assistant, where the method trains one. */
  readonly assistant?: string;
  /** Number of students in a row, where the method trains some. */
  readonly generations?: number;
  /** Present where a peer was trained together with the student. */
  readonly peer?: true;
}

/** Augmentations of the training images. */
export interface ViewsRecord {
  readonly pad: number;
  readonly flip: boolean;
  readonly count: number;
}

/** The optimizer with its settings. */
export type OptimizerRecord =
  | { readonly name: 'adam'; readonly batchSize: number }
  | {
      readonly name: 'sgd';
      readonly batchSize: number;
      readonly momentum: number;
      readonly weightDecay: number;
      readonly rise: number;
    };

/** The experiment that was run, as recorded. */
export interface ExperimentRecord {
  readonly preset: string;
  readonly claim: boolean;
  readonly data: { readonly taught?: number };
  readonly teacher: TrainingChoiceRecord;
  readonly student: TrainingChoiceRecord;
  readonly distillation: DistillationRecord;
  readonly views: ViewsRecord;
  readonly optimizer: OptimizerRecord;
  readonly seeds: readonly number[];
}

/** The three that are compared. */
export type Actor = 'teacher' | 'alone' | 'distilled';

/** They, and those whom a method trains on the way. */
export type Learner = Actor | 'assistant' | 'generation';

/** One network in training. Its folder in the run has the same name. */
export interface TrainingRecord {
  readonly actor: Learner;
  readonly seed: number;
  readonly finished: boolean;
  /** Of training, summed over interruptions. */
  readonly seconds: number;
  readonly epochs: readonly EpochRecord[];
}

/**
 * The teacher's logits on the pictures a student will see; what a body from elsewhere says of those
 * that its new head learns from.
 */
export interface RecordingRecord {
  readonly seed: number;
  readonly views: number;
  readonly seconds: number;
}

/** What the test set said of one network, once. */
export interface ResultRecord {
  readonly actor: Actor;
  readonly seed: number;
  readonly parameters: number;
  readonly bytes: number;
  /** For one picture. */
  readonly flops: number;
  readonly test: EvaluationRecord;
}

/** Which pictures the run saw. */
export interface DataRecord {
  readonly source: string;
  readonly train: SetRecord;
  readonly held: SetRecord;
  readonly test: SetRecord;
  readonly classNames: readonly string[];
}

export interface SetRecord {
  readonly name: string;
  readonly pictures: number;
  /** sha256 of the whole set it is taken from. */
  readonly identity: string;
}

/** The engine that computed. */
export interface EngineRecord {
  readonly name: string;
  readonly version: string;
  readonly device: string;
  readonly threads: number;
  /** Faster engines that could not be used. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
}

/** Where the run ran. */
export interface EnvironmentRecord {
  readonly engine: EngineRecord;
  /** node, tfjs and the packages of this repository. */
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly system: string;
  };
}

/** `run.json`: everything a run was and found. Fractions are 0–1, times are seconds. */
export interface RunRecord<Experiment extends ExperimentRecord = ExperimentRecord> {
  readonly format: 1;
  readonly status: 'running' | 'interrupted' | 'failed' | 'finished';
  /** Why, where it failed. */
  readonly error?: string;
  /** ISO 8601. */
  readonly started: string;
  readonly finished?: string;
  /** Spent at work, without interruptions and downloads. */
  readonly seconds: number;
  /** Repeats it. */
  readonly command: string;
  readonly config: Experiment;
  readonly environment: EnvironmentRecord;
  readonly data: DataRecord;
  /**
   * By stage: `teacher`, `alone-0`, `distilled-0`; `assistant`, `generation-1-0` where a method has
   * them.
   */
  readonly trainings: Readonly<Record<string, TrainingRecord>>;
  readonly recordings: Readonly<Record<string, RecordingRecord>>;
  readonly results: Readonly<Record<string, ResultRecord>>;
}

/** The name of a stage, and of its folder. */
export function stageName(actor: Actor, seed: number): string {
  return actor === 'teacher' ? actor : `${actor}-${seed}`;
}

/** Name and folder of what a body from elsewhere says of the views of a seed. */
export function featuresStage(seed: number): string {
  return `features-${seed}`;
}

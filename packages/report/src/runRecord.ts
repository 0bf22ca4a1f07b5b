/**
 * The record of a run as JSON, `run.json`.
 *
 * Fractions are between 0 and 1, times are seconds. Names, labels and numbers that a report shows
 * are stored, so that it needs no table of methods, networks or data sets.
 */

/** The version of `run.json` that is written and read. */
export const runRecordFormat = 2;

/** A network that is compared: the teacher, the student trained alone, the distilled student. */
export type Role = 'teacher' | 'baseline' | 'distilled';

/** A network that is trained: one that is compared, or one that a method trains on the way. */
export type TrainedRole = Role | 'assistant' | 'generation';

/** Metrics of a network on some images. */
export interface MetricsRecord {
  /** Share of the images whose most probable class is the label. */
  readonly top1: number;
  /** Share of the images whose label is among the five most probable classes. */
  readonly top5: number;
  /** Mean cross entropy with the labels, nats. */
  readonly loss: number;
  /** Expected calibration error. */
  readonly calibrationError: number;
  /** Mean of the recall of all classes that occur. */
  readonly balancedAccuracy?: number;
  /** Share of the images that student and teacher classify alike, where images have no labels. */
  readonly agreement?: number;
  readonly images: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** Metrics of a network on the test images. */
export interface EvaluationRecord extends MetricsRecord {
  /** Counts of images, [label][prediction]. */
  readonly confusion: readonly (readonly number[])[];
  /** [classes], share of the images of a class that are recognized; null for one without images. */
  readonly recall?: readonly (number | null)[];
}

/** One epoch of a training. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  readonly steps: number;
  readonly images: number;
  /** Seconds of training, without the validation. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Learning rate of the last step. */
  readonly learningRate: number;
  /** Means of the loss terms over the epoch, and their `total`. */
  readonly terms: Readonly<Record<string, number>>;
  /** Accuracy on the augmented training images, while the weights changed; absent without labels. */
  readonly accuracy?: number;
  /** In place of the accuracy: share of the images that student and teacher classify alike. */
  readonly agreement?: number;
  /** Mean norm of the gradient before clipping; only where it was clipped. */
  readonly gradientNorm?: number;
  readonly validation?: MetricsRecord;
  /** Whether the validation accuracy was higher than after every epoch before. */
  readonly isBest: boolean;
}

/** The training of one network. Its directory in the run has the name of the stage. */
export interface TrainingRecord {
  readonly role: TrainedRole;
  readonly seed: number;
  readonly finished: boolean;
  /** Seconds of training, summed over interruptions. */
  readonly seconds: number;
  readonly epochs: readonly EpochRecord[];
}

/** The outputs of a teacher, or of a frozen backbone, computed once for every view. */
export interface CacheRecord {
  readonly outputs: 'logits' | 'features';
  readonly seed: number;
  /** Views of every image. */
  readonly views: number;
  readonly seconds: number;
}

/** A network on the test set: its cost and its metrics. */
export interface ResultRecord {
  readonly role: Role;
  readonly seed: number;
  readonly parameters: number;
  readonly bytes: number;
  /** Operations for one image. */
  readonly flops: number;
  readonly test: EvaluationRecord;
  /**
   * Of a distilled student: test images that it classifies correctly and the same student trained
   * alone does not, and those the other way round. The difference of the two accuracies has the
   * standard error √(gained + lost − (gained − lost)² / images) / images.
   */
  readonly againstAlone?: { readonly gained: number; readonly lost: number };
}

/** A set of images. */
export interface DatasetRecord {
  readonly name: string;
  readonly images: number;
  /** SHA-256 of the whole set that it is taken from. */
  readonly fingerprint: string;
}

/** The images of a run. */
export interface DataRecord {
  /** Where the data set came from: a path, an address, a package. */
  readonly source: string;
  readonly train: DatasetRecord;
  readonly validation: DatasetRecord;
  readonly test: DatasetRecord;
  readonly classNames: readonly string[];
  /** [height, width, channels]. */
  readonly imageShape: readonly [number, number, number];
  /** How the pixels were made from files: decoding, size, crop. */
  readonly preparation?: string;
  /** Lines about what is unusual in the data but allowed. */
  readonly warnings?: readonly string[];
  /** Images without a label, which only the distilled student is trained on. */
  readonly unlabelled?: number;
}

/** Something that the program chose because nobody else did. */
export interface ChoiceRecord {
  /** `image size`, `teacher`, `epochs`. */
  readonly what: string;
  readonly value: string;
  /** The reason, in a few words: `larger than 64 pixels`. */
  readonly why: string;
}

/** The engine that computed, and those that did not start. */
export interface EngineRecord {
  readonly name: string;
  readonly version: string;
  readonly device: string;
  readonly threads: number;
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
}

/** The engine, the versions and the machine of a run. */
export interface EnvironmentRecord {
  readonly engine: EngineRecord;
  /** Versions of Node, TensorFlow.js and the packages of this repository, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly system: string;
  };
}

/** A network and the settings of its training. */
export interface NetworkRecord {
  readonly architecture: string;
  readonly epochs: number;
  /** Highest learning rate of the schedule, or Adam's constant one. */
  readonly peakRate: number;
  /** Bound of the gradient's global norm. */
  readonly clipNorm?: number;
  /** Side in pixels to which the images were resized; absent: not resized. */
  readonly size?: number;
  /** Present where a frozen pretrained backbone was used, under a new head. */
  readonly backbone?: { readonly weights: string };
  /** Present where a teacher was loaded with its own classes and not trained. */
  readonly ownHead?: { readonly weights: string; readonly classNames: readonly string[] };
}

/** The distillation method with its settings. */
export interface DistillationRecord {
  readonly method: string;
  /** > 0; absent where the method has none. */
  readonly temperature?: number;
  /** Weights of the cross entropy with the labels and of the method's term, ≥ 0. */
  readonly weights: { readonly labels: number; readonly method: number };
  /** Bound of the gradient's norm that the method adds to the distilled student's training. */
  readonly clipNorm?: number;
  /** Architecture of the assistant, where the method trains one. */
  readonly assistant?: string;
  /** Number of students in a row, the last of them the distilled one, where the method has some. */
  readonly generations?: number;
  /** Present where a peer was trained together with the distilled student. */
  readonly peer?: true;
}

/** Augmentations of the training images. */
export interface AugmentationRecord {
  /** Width in pixels of the reflected border before a random crop; 0 for no crop. */
  readonly padding: number;
  /** Whether images were flipped horizontally at random. */
  readonly flip: boolean;
  /** Different views of every image. */
  readonly views: number;
  /** Options of further augmentations, where there were some; those left out are the usual ones. */
  readonly randomResizedCrop?: object;
  readonly randAugment?: object;
  readonly colorJitter?: object;
  readonly randomErasing?: object;
  /** Alphas, where images and labels were mixed in pairs. */
  readonly mixing?: { readonly mixup?: number; readonly cutmix?: number };
}

/** The optimizer with its settings. */
export type OptimizerRecord =
  | { readonly name: 'adam'; readonly batchSize: number }
  | {
      readonly name: 'sgd';
      readonly batchSize: number;
      readonly momentum: number;
      readonly weightDecay: number;
      /** Share of the steps in which the learning rate rises to its peak. */
      readonly rise: number;
    };

/** The experiment: everything that decides the numbers of a run, apart from the engine. */
export interface ExperimentRecord {
  /** Name of the experiment. */
  readonly experiment: string;
  /** Whether it claims that the distilled student is better than the student alone. */
  readonly claim: boolean;
  /** Number of the students' training images, where they are fewer than the teacher's. */
  readonly images: { readonly student?: number };
  readonly teacher: NetworkRecord;
  readonly student: NetworkRecord;
  readonly distillation: DistillationRecord;
  readonly augmentation: AugmentationRecord;
  readonly optimizer: OptimizerRecord;
  /** One student alone and one distilled for each; the teacher is trained with the first. */
  readonly seeds: readonly number[];
  /** How an epoch of training images is drawn; absent: every image once. */
  readonly sampling?: 'classBalanced';
  /** Weights of the classes in the cross entropy with the labels; absent: all weigh the same. */
  readonly classWeights?: 'balanced';
}

/**
 * A run: what was done, on what, and what came out.
 * @typeParam Config - The experiment; a program that runs experiments may record more fields.
 */
export interface RunRecord<Config extends ExperimentRecord = ExperimentRecord> {
  readonly format: typeof runRecordFormat;
  readonly status: 'running' | 'interrupted' | 'failed' | 'finished';
  /** The error's message, where the run failed. */
  readonly error?: string;
  /** ISO 8601. */
  readonly started: string;
  /** ISO 8601. */
  readonly finished?: string;
  /** Seconds of work, without interruptions and downloads. */
  readonly seconds: number;
  /** The command line that repeats the run. */
  readonly command: string;
  readonly config: Config;
  readonly environment: EnvironmentRecord;
  readonly data: DataRecord;
  /** What was chosen by default, with the reasons; absent where an experiment says everything. */
  readonly choices?: readonly ChoiceRecord[];
  /**
   * By stage: `teacher`, `baseline-0`, `distilled-0`; `assistant`, `generation-1-0` where a method
   * trains them.
   */
  readonly trainings: Readonly<Record<string, TrainingRecord>>;
  /** By directory. */
  readonly caches: Readonly<Record<string, CacheRecord>>;
  /** By stage. */
  readonly results: Readonly<Record<string, ResultRecord>>;
}

/** Returns the name of a compared network's stage, which is also its directory in the run. */
export function stageName(role: Role, seed: number): string {
  return role === 'teacher' ? role : `${role}-${seed}`;
}

/** Writes a record as JSON. Numbers that are not finite become null, which JSON has for them. */
export function formatRunRecord(record: RunRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

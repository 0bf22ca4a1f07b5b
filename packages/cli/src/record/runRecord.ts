import type { Engine } from '@kd/engine';
import type { EpochReport, EvaluationResult } from '@kd/trainer';
import type { RunConfig } from '../config.ts';

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
  readonly epochs: readonly EpochReport[];
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
  readonly test: EvaluationResult;
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

/** Where the run ran. */
export interface EnvironmentRecord {
  readonly engine: Engine;
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
export interface RunRecord {
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
  readonly config: RunConfig;
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

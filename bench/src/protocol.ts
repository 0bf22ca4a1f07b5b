/**
 * What a contender says: one line of JSON when it is warm, then one for each line `{"repeat": n}`
 * that it gets. torch/serve.py says the same.
 */

/** A contender that has prepared its step and run it a few times. */
export interface Ready {
  /** Of what it computes with, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly threads: number;
  readonly device: string;
  readonly facts: {
    /** Of the first step, with everything that is done once. */
    readonly firstMs: number;
    /** From the beginning of the preparation to the last step of the warm-up. */
    readonly warmUpSeconds: number;
    /** Resident when everything is loaded and nothing is prepared. */
    readonly loadedBytes: number;
    /** Of `startEngine`; ours only. */
    readonly startMs?: number;
    /** Floating-point operations of one step; ours only, and only where the network tells. */
    readonly flops?: number;
  };
}

/** Some steps, one after the other. */
export interface Turn {
  readonly ms: readonly number[];
  /** Whether every number that the steps gave was finite. */
  readonly finite: boolean;
  /** The last of them; null where it is not finite. */
  readonly value: number | null;
  readonly memory: { readonly nowBytes: number; readonly peakBytes: number };
  /** Tensors alive in TensorFlow.js, and in the engine's own book where it keeps one; ours only. */
  readonly tensors?: { readonly alive: number; readonly handles: number };
}

export interface Request {
  readonly repeat: number;
}

/** What a contender is to prepare. */
export interface StepOptions {
  readonly step: string;
  readonly batch: number;
  /** Side of the images, or of the matrices. */
  readonly size: number;
}

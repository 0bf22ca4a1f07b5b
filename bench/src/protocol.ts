/**
 * The messages of a bench process: one line of JSON when it is warm, then one for each line
 * `{"repeat": n}` that it reads. torch/serve.py writes the same.
 */

/** The step is prepared and has run a few times. */
export interface Ready {
  /** Versions of the software that computes, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly threads: number;
  readonly device: string;
  readonly facts: {
    /** Duration of the first step, with everything that is done once. */
    readonly firstMs: number;
    /** From the beginning of the preparation to the last step of the warm-up. */
    readonly warmUpSeconds: number;
    /** Resident memory when everything is loaded and nothing is prepared. */
    readonly loadedBytes: number;
    /** Duration of `startEngine`; ours only. */
    readonly startMs?: number;
    /** Floating-point operations of one step; ours only, and only if the network reports them. */
    readonly flops?: number;
  };
}

/** Some steps, one after the other. */
export interface Turn {
  /** Duration of each step. */
  readonly ms: readonly number[];
  /** Whether every number that the steps returned was finite. */
  readonly finite: boolean;
  /** The last of them; null if it is not finite. */
  readonly value: number | null;
  readonly memory: { readonly nowBytes: number; readonly peakBytes: number };
  /** Live tensors of TensorFlow.js and, on engines that count them, of the engine; ours only. */
  readonly tensors?: { readonly alive: number; readonly handles: number };
}

export interface RunRequest {
  readonly repeat: number;
}

/** The step that a process prepares. */
export interface StepOptions {
  readonly step: string;
  readonly batch: number;
  /** Side of the images, or of the matrices. */
  readonly size: number;
}

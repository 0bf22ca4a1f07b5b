/** One row of a result. `--json` writes these. */
export interface Row {
  readonly step: string;
  readonly variant: string;
  /** Median duration of a step; null in a sum. */
  readonly ms: number | null;
  /** Images that a whole recipe processes. */
  readonly images?: number;
  /** Hours that they take, computed from the duration of a step. */
  readonly hours?: number;
  /** Seconds of a stage of a job that was run. */
  readonly jobSeconds?: number;
  /** Seconds of processor time for 10,000 images. */
  readonly cpuPer10000?: number;
  /** Bytes of a model's file; in a browser of all that a page loads. */
  readonly loadedBytes?: number;
  /** Processor time of a request among 50 a second, in ms. */
  readonly cpuMs?: number;
  /** Processor time over time. */
  readonly busyCores?: number;
  /** Minutes of a whole recipe that was run. */
  readonly minutes?: number;
  /** Test accuracy of the teacher and of the student, 0–1. */
  readonly teacher?: number;
  readonly student?: number;
  /** 10¹⁵ floating-point operations of all images. */
  readonly petaflops?: number;
  /** null if a step has no images. */
  readonly imagesPerSecond: number | null;
  /**
   * Speed of ours over the speed of this variant, median of the paired rounds: above 1, ours is
   * faster. null if nothing was paired.
   */
  readonly ratio: number | null;
  /** Smallest and largest ratio of the rounds. */
  readonly spread?: readonly [number, number];
  /** Duration over that of plain distillation, median of the paired rounds. */
  readonly overPlain?: number;
  /** Share of the machine's arithmetic ceiling, 0–1. */
  readonly ceilingShare?: number;
  /** Peak resident memory above the resident memory with everything loaded. */
  readonly peakMiB?: number;
  /** Resident memory at the end. */
  readonly residentMiB?: number;
  /** Duration of the first step, with tracing or compiling. */
  readonly firstMs?: number;
  readonly gigaflops?: number;
}

/** Result of one part of the benchmark. */
export interface Section {
  /** Name of the part, for `--only` and for the markers in the README. */
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
  /** Targets passed or missed, and skipped variants with the reason. */
  readonly remarks: readonly string[];
  /** Versions of the software that computed, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Options of every part. */
export interface BenchOptions {
  readonly rounds: number;
  /** Approximate duration of one turn. */
  readonly seconds: number;
  /** Path of a Python that has PyTorch. */
  readonly python?: string | undefined;
  /** Only variants whose name contains this run beside ours. */
  readonly variants?: string | undefined;
  /** The machine's arithmetic ceiling in GFLOP/s, once it is known. */
  readonly ceiling?: number | undefined;
  /** Receives lines about the progress. */
  readonly log: (line: string) => void;
}

/** One line of a result. `--json` writes these. */
export interface Row {
  readonly step: string;
  readonly variant: string;
  /** Median of a step's time; null in a sum. */
  readonly ms: number | null;
  /** That go through it in a whole recipe. */
  readonly pictures?: number;
  /** That they take. */
  readonly hours?: number;
  /** Of a whole recipe that was run. */
  readonly minutes?: number;
  /** Test accuracy of who teaches and of who is taught, 0–1. */
  readonly teacher?: number;
  readonly student?: number;
  /** Of all its pictures, 10¹⁵ floating-point operations. */
  readonly petaflops?: number;
  /** null where a step has no images. */
  readonly imagesPerSecond: number | null;
  /**
   * Speed of ours over the speed of this variant, median of the paired rounds: above 1, ours is
   * faster. null where nothing was paired.
   */
  readonly ratio: number | null;
  /** Least and most of the rounds. */
  readonly spread?: readonly [number, number];
  /** Its time over that of plain distillation, median of the paired rounds. */
  readonly overPlain?: number;
  /** Of the machine's arithmetic ceiling, 0–1. */
  readonly ceilingShare?: number;
  /** Resident at most, above what was resident with everything loaded. */
  readonly peakMiB?: number;
  /** Resident at the end. */
  readonly residentMiB?: number;
  /** Of the first step, with tracing or compiling. */
  readonly firstMs?: number;
  readonly gigaflops?: number;
}

/** What came out of one part of the benchmark. */
export interface Section {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
  /** Goals met or missed, what was skipped and why. */
  readonly remarks: readonly string[];
  /** Names and versions of everything that computed. */
  readonly versions: Readonly<Record<string, string>>;
}

/** What every part is told. */
export interface BenchOptions {
  readonly rounds: number;
  /** Of one turn, about. */
  readonly seconds: number;
  /** A Python that has PyTorch. */
  readonly python?: string | undefined;
  /** Only variants that have this in their name run beside ours. */
  readonly variants?: string | undefined;
  /** In GFLOP/s, once it is known. */
  readonly ceiling?: number | undefined;
  /** Told what is under way. */
  readonly log: (line: string) => void;
}

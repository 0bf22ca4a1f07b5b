/**
 * The record of exported files, `export.json`: what was written, from which network, and how it
 * answered on the runtimes of others. Fractions are between 0 and 1.
 */

/** The version of `export.json` that is written and read. */
export const exportRecordFormat = 1;

/** How numbers are stored. */
export type NumberKind = 'float32' | 'float16' | 'int8';

/** The network that the files were written from. */
export interface ExportedNetwork {
  /** Its place in a run, for people: `student distilled, seed 0`; or the file of its weights. */
  readonly title: string;
  readonly architecture: string;
  /** The directory of the run, or the file of weights. */
  readonly source: string;
  /** sha256 of its weights with their names. */
  readonly fingerprint: string;
  readonly parameters: number;
  readonly classNames: readonly string[];
  /** [height, width, channels] of the images that it is given. */
  readonly imageShape: readonly [number, number, number];
  /** How images were made of files before. */
  readonly imagePreparation?: string;
  /** What it does to images itself: resizing, normalization. */
  readonly preparation: string;
}

/** The images on which the activations of 8-bit files were observed. */
export interface CalibrationRecord {
  readonly images: number;
  /** Where they are from: the training images of the run. */
  readonly source: string;
  readonly method: string;
  /** Whether weights have 7 bits, for processors without VNNI. */
  readonly reduceRange: boolean;
}

/** A layer with weights, as a file has it. */
export interface ExportedLayer {
  readonly name: string;
  /** Its kind: `convolution`. */
  readonly kind: string;
  readonly weights: NumberKind;
  readonly activations: NumberKind;
}

/** How a file answered on one runtime. */
export interface ExportCheck {
  readonly runtime: string;
  readonly version: string;
  /** Threads, engine. */
  readonly settings: string;
  readonly images: number;
  /** Batches in which images were answered. */
  readonly batches: readonly number[];
  /** The largest |difference| of an answer to that of the network. */
  readonly largestChange: number;
  /** The largest |answer| of the network, at least 1. */
  readonly scale: number;
  /** Share of the images with the network's class. */
  readonly sameClass: number;
  readonly accuracy: number;
  /** The network's own accuracy on the same images. */
  readonly networkAccuracy: number;
  readonly loadMilliseconds: number;
  /** Medians for a batch of 1 and one of 32. */
  readonly latencyMilliseconds: { readonly batch1: number; readonly batch32: number };
}

/** A runtime on which a file was not checked. */
export interface MissingCheck {
  readonly runtime: string;
  readonly reason: string;
}

/** A file, or a directory of files. */
export interface ExportedFile {
  /** Relative to the directory of `export.json`; a directory ends in a slash. */
  readonly name: string;
  /** Files beside it that belong to it: the source of a PyTorch module. */
  readonly companions: readonly string[];
  readonly format: 'onnx' | 'tfjs' | 'litert' | 'safetensors';
  readonly created: string;
  readonly weights: NumberKind;
  readonly activations: NumberKind;
  readonly bytes: number;
  /** Bytes of the network's weights alone, stored as here. */
  readonly weightBytes: number;
  /** sha256 of the file; of a directory, of its files in the order of their names. */
  readonly sha256: string;
  readonly input: {
    readonly name: string;
    /** [height, width, channels]. */
    readonly imageShape: readonly [number, number, number];
    readonly layout: 'nhwc' | 'nchw';
    /** Whether the network's own preparation is part of the file. */
    readonly preparation: 'inside' | 'outside';
    /** Absent: any. */
    readonly batch?: number;
  };
  readonly output: {
    readonly name: string;
    readonly answers: 'logits' | 'probabilities';
    /** Names of further outputs: the network's taps. */
    readonly taps: readonly string[];
  };
  readonly calibration?: CalibrationRecord;
  readonly layers: readonly ExportedLayer[];
  readonly checks: readonly ExportCheck[];
  readonly unchecked: readonly MissingCheck[];
}

/** A file that was not written, and why. */
export interface RefusedFile {
  readonly name: string;
  readonly reason: string;
}

/** A picture for which a file names another class than the network. */
export interface ChangedPicture {
  /** Its number in the test set. */
  readonly image: number;
  readonly label: number;
  /** Data URI of a PNG. */
  readonly png: string;
  readonly height: number;
  readonly width: number;
  /** The class that the network names, and its probability. */
  readonly network: ChangedAnswer;
  /** The other classes, by file. */
  readonly files: Readonly<Record<string, ChangedAnswer>>;
}

export interface ChangedAnswer {
  readonly label: number;
  readonly probability: number;
}

/** Exported files. */
export interface ExportRecord {
  readonly format: typeof exportRecordFormat;
  readonly network: ExportedNetwork;
  /** The images of the checks. */
  readonly testImages: { readonly name: string; readonly fingerprint: string };
  /** The engine that answered for the network. */
  readonly engine: string;
  /** Processor and system. */
  readonly machine: string;
  readonly files: readonly ExportedFile[];
  readonly refused: readonly RefusedFile[];
  /** Some of the pictures whose class changed. */
  readonly changed: readonly ChangedPicture[];
  /** The command that wrote the files last. */
  readonly command: string;
}

/** Writes the record as JSON. */
export function formatExportRecord(record: ExportRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** What an export consists of: one variant for each file. */
import type { Graph, Network } from '@kd/core';
import type { Calibration } from '@kd/export';
import type { ExportFormat } from '@kd/export/node';
import type { ExportedLayer, NumberKind } from '@kd/report';

/** What files are written, and how. */
export interface ExportChoice {
  readonly formats: readonly ExportFormat[];
  /** Adds files with 8 bits. */
  readonly int8: boolean;
  /** Adds files with halves. */
  readonly float16: boolean;
  readonly calibration: CalibrationMethod;
  /** Whether calibrated ONNX files have weights of 7 bits. */
  readonly reduceRange: boolean;
  /** Whether models of TF.js are layers models. */
  readonly layers: boolean;
  /** Axes of the input of ONNX files. */
  readonly layout: 'nhwc' | 'nchw';
  /** Whether the network's own preparation is part of the files. */
  readonly preparation: 'inside' | 'outside';
  readonly output: 'logits' | 'probabilities';
  /** Whether ONNX and TF.js files have the network's taps as outputs too. */
  readonly taps: boolean;
}

export type CalibrationMethod = 'minMax' | 'percentile' | 'entropy';

/** The network that files are written from. */
export interface ExportSource {
  readonly network: Network;
  readonly graph: Graph;
  /** The graph without the network's preparation. */
  readonly outside: Graph;
  readonly classNames: readonly string[];
  /** Present where a variant `needsCalibration`. */
  readonly calibration?: Calibration;
}

/** One file, or one directory of files. */
export interface Variant {
  /** Ends in a slash for a directory. */
  readonly name: string;
  /** Files beside it that belong to it. */
  readonly companions: readonly string[];
  readonly format: ExportFormat;
  readonly weights: NumberKind;
  readonly activations: NumberKind;
  readonly needsCalibration: boolean;
  /** Images of a batch where it is fixed. */
  readonly batch?: number;
  readonly layout: 'nhwc' | 'nchw';
  readonly output: 'logits' | 'probabilities';
  readonly hasTaps: boolean;
  write(source: ExportSource): WrittenFiles;
}

/** Contents of files by their path in the directory of the export. */
export interface WrittenFiles {
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly layers: readonly ExportedLayer[];
  /** Present where the files leave the preparation to their user, whatever was chosen. */
  readonly preparation?: 'outside';
  /** Why no runtime can run the files; absent: they can be run. */
  readonly notRun?: string;
}

/** How the numbers of a file are stored, and what it computes with. */
export type Numbers = Pick<Variant, 'weights' | 'activations' | 'needsCalibration'>;

export const float32: Numbers = {
  weights: 'float32',
  activations: 'float32',
  needsCalibration: false,
};
export const float16: Numbers = { ...float32, weights: 'float16' };
export const int8Weights: Numbers = { ...float32, weights: 'int8' };
export const int8: Numbers = { weights: 'int8', activations: 'int8', needsCalibration: true };

/** The files of a format that is one file for each kind of numbers. */
export function listNumbers({
  float16: hasHalves,
  int8: hasBytes,
}: ExportChoice): readonly { readonly suffix: string; readonly numbers: Numbers }[] {
  return [
    { suffix: '', numbers: float32 },
    ...(hasHalves ? [{ suffix: '-float16', numbers: float16 }] : []),
    ...(hasBytes
      ? [
          { suffix: '-int8-weights', numbers: int8Weights },
          { suffix: '-int8', numbers: int8 },
        ]
      : []),
  ];
}

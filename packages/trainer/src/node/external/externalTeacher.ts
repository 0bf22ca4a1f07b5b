import { type Batch, ensure, type ModelFingerprint, type Outputs, type Teacher } from '@kd/core';
import { readRange } from '@kd/files';
import { fileByteSource } from '@kd/files/node';
import { div, sub, type Tensor4D, tidy } from '@tensorflow/tfjs-core';

/** A teacher that owns a model of another library. */
export interface DisposableTeacher extends Teacher {
  readonly predictAsync: (batch: Batch) => Promise<Outputs>;
  readonly fingerprint: () => Promise<ModelFingerprint>;
  /** Frees the model. */
  dispose(): Promise<void>;
}

/** Preprocessing of images for a model; `createPreprocessor` of @kd/models also resizes them. */
export interface ImagePreprocessor {
  /** Text for the teacher's fingerprint, another one for other preprocessing. */
  readonly description: string;
  /**
   * @param images [batch, height, width, channels], 0–1. @returns A new tensor, or `images` itself.
   */
  prepare(images: Tensor4D): Tensor4D;
}

/** No preprocessing: images 0–1. */
export const unchangedImages: ImagePreprocessor = {
  description: 'none',
  prepare: (images) => images,
};

const mean = [0.485, 0.456, 0.406];
const std = [0.229, 0.224, 0.225];

/**
 * (images − mean) / std with ImageNet's statistics, without resizing, for networks of torchvision
 * and most of timm.
 */
export const imagenetNormalized: ImagePreprocessor = {
  // Part of fingerprints in checkpoints, which keep their former word for std.
  description: `normalize(mean=${mean},deviation=${std})`,
  prepare: (images) => tidy(() => div<Tensor4D>(sub(images, mean), std)),
};

/** Kind of a model's output: values before the softmax, or after it. */
export type OutputKind = 'logits' | 'probabilities';

/**
 * The smallest normal float32, in place of probabilities that were rounded to 0: their logarithm
 * would be −∞, and devices round smaller numbers to 0.
 */
export const SMALLEST_PROBABILITY = 2 ** -126;

/**
 * Checks that values are of the declared kind: rows of probabilities are 0–1 and add up to 1, and
 * logits do not. @param values [rows, classes], row-major. @throws RangeError
 */
export function expectKind(
  caller: string,
  values: Float32Array,
  classes: number,
  kind: OutputKind,
): void {
  ensure(classes >= 2, caller, 'two classes or more', classes);
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  ensure(
    wrong < 0,
    caller,
    `finite ${kind}`,
    `${values[wrong]} in row ${Math.floor(wrong / classes)}`,
  );
  const notProbabilities = findNonProbabilities(values, classes);
  if (kind === 'probabilities') {
    const got =
      notProbabilities === undefined
        ? ''
        : Array.from(
            values.subarray(
              notProbabilities * classes,
              notProbabilities * classes + Math.min(classes, 4),
            ),
          );
    ensure(
      notProbabilities === undefined,
      caller,
      'probabilities that add up to 1',
      got,
      "if these are logits, pass outputs: 'logits'",
    );
    return;
  }
  ensure(
    notProbabilities !== undefined || values.length === 0,
    caller,
    'logits',
    'rows that are 0–1 and add up to 1',
    "take the output before the softmax, or pass outputs: 'probabilities'",
  );
}

/** The first row that is no distribution; in half precision they add up to 1 within 1e-2. */
function findNonProbabilities(values: Float32Array, classes: number): number | undefined {
  for (let row = 0; row * classes < values.length; row++) {
    let sum = 0;
    for (let at = row * classes; at < (row + 1) * classes; at++) {
      const value = values[at] as number;
      if (value < 0 || value > 1.01) return row;
      sum += value;
    }
    if (Math.abs(sum - 1) > 1e-2) return row;
  }
  return undefined;
}

/** Replaces probabilities by ln p, which are logits of p: their softmax is p. */
export function replaceByLogarithms(probabilities: Float32Array): void {
  for (let at = 0; at < probabilities.length; at++)
    probabilities[at] = Math.log(Math.max(probabilities[at] as number, SMALLEST_PROBABILITY));
}

/** More than a protobuf can hold. */
const MAX_FILE_BYTES = 2 ** 31;

/** Reads a whole file. @throws RangeError that names it if it is missing or too large. */
export async function readBounded(file: string, caller: string): Promise<Uint8Array<ArrayBuffer>> {
  const source = fileByteSource(file, caller);
  ensure(
    source.length < MAX_FILE_BYTES,
    caller,
    `a file of less than ${MAX_FILE_BYTES} bytes`,
    source.length,
  );
  return readRange(source, 0, source.length);
}

import { expectedError } from '@kd/core';
import type { PixelRecipe } from '@kd/data';
import type { ArchitectureName } from './architectures.ts';

/** The version of `model.json` that is written and read. */
export const manifestFormat = 1;

/** A network of `model.json`: how it is built, and the file of its weights. */
export interface NetworkEntry {
  /** Name for people: `resnet9-w0.25`. */
  readonly name: string;
  readonly architecture: ArchitectureName;
  /** Options of the architecture, without classes and seed: `{ width: 0.25 }`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Safetensors beside `model.json`. */
  readonly file: string;
  /** Bytes of the file. */
  readonly bytes: number;
  /** Number of values that train. */
  readonly parameters: number;
  /** Accuracy on the test images, 0–1. */
  readonly accuracy: number;
}

/** A picture that a visitor can try. */
export interface ExamplePicture {
  /** PNG beside `model.json`. */
  readonly file: string;
  /** Its label. */
  readonly className: string;
}

/** `model.json`: a student and its teacher, and how pictures become their images. */
export interface Manifest {
  readonly format: typeof manifestFormat;
  /** What the two were trained on: `CIFAR-10 train`. */
  readonly dataset: string;
  /** Name of each logit. */
  readonly classNames: readonly string[];
  /** [height, width, 3] of the images that the networks are given. */
  readonly imageShape: readonly [number, number, 3];
  readonly recipe: PixelRecipe;
  /** Temperature of the teacher's soft labels in the student's training. */
  readonly temperature: number;
  readonly student: NetworkEntry;
  readonly teacher: NetworkEntry;
  readonly examples: readonly ExamplePicture[];
}

/**
 * Reads `model.json`.
 * @throws RangeError on other JSON, and on a file of another version.
 */
export function parseManifest(text: string): Manifest {
  const parsed = parseJson(text) as Partial<Manifest> | null;
  if (parsed?.format !== manifestFormat)
    throw expectedError(
      'model.json',
      `format ${manifestFormat}`,
      parsed?.format,
      'write it again: npm run models -w examples/browser',
    );
  return parsed as Manifest;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RangeError('model.json: expected JSON, got other text; write it again.', { cause });
  }
}

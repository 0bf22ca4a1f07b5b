import { readFileSync } from 'node:fs';
import { expectedError } from '@kd/core';

/** A JSON value without a promised shape. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json | undefined };

/**
 * One loss with its inputs, options, value and gradient; an edge case has its inputs inline and its
 * gradient in `grad`.
 */
export interface LossEntry {
  readonly id: string;
  /** Its name in words, by which a case recognizes it. */
  readonly loss: string;
  readonly options: JsonObject;
  /** Role (student, teacher, labels …) → name of an input, expression over one, or values. */
  readonly inputs: JsonObject;
  /** Names of the inputs that the gradient is taken with respect to; for edge cases the student. */
  readonly gradientWith?: readonly string[];
  readonly value?: number | string;
  readonly gradNorm?: number;
  readonly gradient?: Readonly<
    Record<
      string,
      {
        readonly norm: number;
        readonly full?: readonly number[];
        readonly first8NHWC?: readonly number[];
      }
    >
  >;
  readonly grad?: readonly number[];
  readonly gradientComparable?: boolean;
  readonly float32Error?: { readonly value?: number; readonly gradient?: number };
}

/** A named input: logits, labels, rows, or a feature map in NHWC order. */
export interface GoldenInput {
  readonly kind: string;
  readonly shape: readonly number[];
  readonly values?: Json;
  readonly valuesNHWC?: readonly number[];
}

/** A file of golden numbers; every section may be missing. */
export interface GoldenFile {
  readonly conventions?: JsonObject;
  readonly inputs?: Readonly<Record<string, GoldenInput>>;
  readonly losses?: readonly LossEntry[];
  readonly edges?: readonly LossEntry[];
  readonly kdPerSample?: JsonObject;
  readonly optimizers?: JsonObject;
  readonly schedules?: readonly JsonObject[];
  readonly batchNormTraining?: JsonObject;
  readonly resnet?: JsonObject;
  readonly ctkdLambda?: JsonObject;
}

const lists = ['losses', 'edges', 'schedules'] as const;
const objects = [
  'inputs',
  'kdPerSample',
  'optimizers',
  'batchNormTraining',
  'resnet',
  'ctkdLambda',
] as const;

/**
 * Reads a file of golden numbers.
 * @throws RangeError, in one line, if the file is missing, is not JSON or has no known section.
 */
export function readGolden(path: string): GoldenFile {
  const parsed = parse(path, read(path));
  if (!isObject(parsed))
    throw expectedError(
      'golden',
      'a JSON object with losses, optimizers …',
      parsed,
      `look into ${path}`,
    );
  const wrongList = lists.find(
    (name) => parsed[name] !== undefined && !Array.isArray(parsed[name]),
  );
  const wrongObject = objects.find((name) => parsed[name] !== undefined && !isObject(parsed[name]));
  if (wrongList !== undefined)
    throw expectedError('golden', `${wrongList} as a list`, parsed[wrongList], `look into ${path}`);
  if (wrongObject !== undefined)
    throw expectedError(
      'golden',
      `${wrongObject} as an object`,
      parsed[wrongObject],
      `look into ${path}`,
    );
  const known = [...lists, ...objects];
  if (!known.some((name) => parsed[name] !== undefined)) {
    throw expectedError(
      'golden',
      `one of the sections ${known.join(', ')}`,
      Object.keys(parsed).join(', ') || 'none',
      `look into ${path}`,
    );
  }
  return parsed as unknown as GoldenFile;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw expectedError(
      'golden',
      'a file of golden numbers',
      `${path} (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`,
      'set KD_GOLDEN',
    );
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw expectedError('golden', 'JSON', `${path}, which is none`, 'set KD_GOLDEN');
  }
}

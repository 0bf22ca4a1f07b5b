/** The reader of `export.json`, which checks all of it. */
import {
  fields,
  flag,
  kind,
  list,
  number,
  oneOf,
  parseVersioned,
  png,
  table,
  text,
} from './checks.ts';
import { type ExportRecord, exportRecordFormat } from './exportRecord.ts';

/**
 * Reads a record of exported files from JSON of any origin: every field has its type, names of
 * files are single parts of a path, and pictures are PNGs that are part of it.
 * @param caller - Starts the error messages: the file's name.
 * @throws RangeError on text that is no record, or one of another version.
 */
export function parseExportRecord(json: string, caller: string): ExportRecord {
  const value = parseVersioned(json, caller, {
    what: 'a record of exported files',
    format: exportRecordFormat,
    remedyOf: () => 'it is of another version: name another directory with --out',
  });
  exportRecord(value, caller);
  return value as ExportRecord;
}

const numberKind = oneOf('float32', 'float16', 'int8');
const count = kind(
  'a whole number ≥ 0',
  (value) => Number.isSafeInteger(value) && Number(value) >= 0,
);
const fileName = kind(
  'the name of a file or of a directory beside it',
  (value) => typeof value === 'string' && /^(?!\.)[\w.-]+\/?$/.test(value),
);
const imageShape = kind(
  'three numbers',
  (value) => Array.isArray(value) && value.length === 3 && value.every(Number.isSafeInteger),
);

const check = fields({
  runtime: text,
  version: text,
  settings: text,
  images: count,
  batches: list(count),
  largestChange: number,
  scale: number,
  sameClass: number,
  accuracy: number,
  networkAccuracy: number,
  loadMilliseconds: number,
  latencyMilliseconds: fields({ batch1: number, batch32: number }),
});

const file = fields(
  {
    name: fileName,
    companions: list(fileName),
    format: oneOf('onnx', 'tfjs', 'litert', 'safetensors'),
    created: text,
    weights: numberKind,
    activations: numberKind,
    bytes: count,
    weightBytes: count,
    sha256: text,
    input: fields(
      {
        name: text,
        imageShape,
        layout: oneOf('nhwc', 'nchw'),
        preparation: oneOf('inside', 'outside'),
      },
      { batch: count },
    ),
    output: fields({
      name: text,
      answers: oneOf('logits', 'probabilities'),
      taps: list(text),
    }),
    layers: list(fields({ name: text, kind: text, weights: numberKind, activations: numberKind })),
    checks: list(check),
    unchecked: list(fields({ runtime: text, reason: text })),
  },
  {
    calibration: fields({ images: count, source: text, method: text, reduceRange: flag }),
  },
);

const answer = fields({ label: count, probability: number });

const exportRecord = fields({
  network: fields(
    {
      title: text,
      architecture: text,
      source: text,
      fingerprint: text,
      parameters: count,
      classNames: list(text),
      imageShape,
      preparation: text,
    },
    { imagePreparation: text },
  ),
  testImages: fields({ name: text, fingerprint: text }),
  engine: text,
  machine: text,
  files: list(file),
  refused: list(fields({ name: fileName, reason: text })),
  changed: list(
    fields({
      image: count,
      label: count,
      png,
      height: count,
      width: count,
      network: answer,
      files: table(answer, fileName),
    }),
  ),
  command: text,
});

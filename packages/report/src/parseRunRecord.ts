/** The reader of `run.json`, which checks all of it. */
import { ensure } from '@kd/core';
import {
  describe,
  fields,
  flag,
  kind,
  list,
  number,
  oneOf,
  parseVersioned,
  table,
  text,
} from './checks.ts';
import { type OptimizerRecord, type RunRecord, runRecordFormat } from './runRecord.ts';

/**
 * Reads a record from JSON of any origin: every field that a report uses has its type, names of
 * stages are single parts of a path, and null stands for NaN.
 * @param caller - Starts the error messages: the file's name.
 * @throws RangeError on text that is no record, or one of another version.
 */
export function parseRunRecord(json: string, caller: string): RunRecord {
  const value = parseVersioned(json, caller, {
    what: 'a run record',
    format: runRecordFormat,
    remedyOf: (found) =>
      found === 1
        ? 'an earlier version wrote it: start a new run; its report.html can still be opened'
        : 'it is of another version',
  });
  runRecord(value, caller);
  return value as RunRecord;
}

const stage = kind(
  'names of letters, digits and hyphens',
  (value) => typeof value === 'string' && /^[\w-]+$/.test(value),
);

const metrics = {
  top1: number,
  top5: number,
  loss: number,
  calibrationError: number,
  images: number,
  seconds: number,
  imagesPerSecond: number,
};

const dataset = fields({ name: text, images: number, fingerprint: text });

const network = fields(
  { architecture: text, epochs: number, peakRate: number },
  {
    clipNorm: number,
    size: number,
    backbone: fields({ weights: text }),
    ownHead: fields({ weights: text, classNames: list(text) }),
  },
);

const experiment = fields(
  {
    experiment: text,
    claim: flag,
    images: fields({}, { student: number }),
    teacher: network,
    student: network,
    distillation: fields(
      { method: text, weights: fields({ labels: number, method: number }) },
      {
        temperature: number,
        clipNorm: number,
        assistant: text,
        generations: number,
        peer: oneOf(true),
      },
    ),
    augmentation: fields(
      { padding: number, flip: flag, views: number },
      {
        randomResizedCrop: fields({}),
        randAugment: fields({}),
        colorJitter: fields({}),
        randomErasing: fields({}),
        mixing: fields({}, { mixup: number, cutmix: number }),
      },
    ),
    optimizer: (value, path) => {
      fields({ name: oneOf('adam', 'sgd'), batchSize: number })(value, path);
      if ((value as OptimizerRecord).name === 'sgd')
        fields({ momentum: number, weightDecay: number, rise: number })(value, path);
    },
    seeds: (value, path) => {
      list(number)(value, path);
      ensure((value as readonly number[]).length > 0, path, 'at least one seed', 'none');
    },
  },
  { sampling: oneOf('classBalanced'), classWeights: oneOf('balanced') },
);

const epoch = fields(
  {
    epoch: number,
    steps: number,
    images: number,
    seconds: number,
    imagesPerSecond: number,
    learningRate: number,
    terms: table(number),
    isBest: flag,
  },
  {
    accuracy: number,
    agreement: number,
    gradientNorm: number,
    validation: fields(metrics, { balancedAccuracy: number, agreement: number }),
  },
);

const runRecord = fields(
  {
    status: oneOf('running', 'interrupted', 'failed', 'finished'),
    started: text,
    seconds: number,
    command: text,
    config: experiment,
    environment: fields({
      engine: fields({
        name: text,
        version: text,
        device: text,
        threads: number,
        refused: list(fields({ name: text, reason: text })),
      }),
      versions: table(text),
      machine: fields({ processor: text, cores: number, memoryBytes: number, system: text }),
    }),
    data: fields(
      {
        source: text,
        train: dataset,
        validation: dataset,
        test: dataset,
        classNames: list(text),
        imageShape: (value, path) => {
          list(number)(value, path);
          ensure((value as readonly number[]).length === 3, path, '3 numbers', describe(value));
        },
      },
      { preparation: text, warnings: list(text), unlabelled: number },
    ),
    trainings: table(
      fields({
        role: oneOf('teacher', 'baseline', 'distilled', 'assistant', 'generation'),
        seed: number,
        finished: flag,
        seconds: number,
        epochs: list(epoch),
      }),
      stage,
    ),
    caches: table(
      fields({
        outputs: oneOf('logits', 'features'),
        seed: number,
        views: number,
        seconds: number,
      }),
      stage,
    ),
    results: table(
      fields(
        {
          role: oneOf('teacher', 'baseline', 'distilled'),
          seed: number,
          parameters: number,
          bytes: number,
          flops: number,
          test: fields({ ...metrics, confusion: list(list(number)) }),
        },
        { againstAlone: fields({ gained: number, lost: number }) },
      ),
      stage,
    ),
  },
  { error: text, finished: text, choices: list(fields({ what: text, value: text, why: text })) },
);

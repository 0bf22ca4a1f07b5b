/** The reader of `run.json`, which checks all of it. */
import { ensure, expectedError } from '@kd/core';
import { type OptimizerRecord, type RunRecord, runRecordFormat } from './runRecord.ts';

/**
 * Reads a record from JSON of any origin: every field that a report uses has its type, names of
 * stages are single parts of a path, and null stands for NaN.
 * @param caller - Starts the error messages: the file's name.
 * @throws RangeError on text that is no record, or one of another version.
 */
export function parseRunRecord(text: string, caller: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(text, (_, field: unknown) => (field === null ? Number.NaN : field));
  } catch (cause) {
    throw expectedError(caller, 'a run record in JSON', (cause as Error).message);
  }
  fields({})(value, caller);
  const { format } = value as { readonly format?: unknown };
  ensure(
    format === runRecordFormat,
    caller,
    `a run record of format ${runRecordFormat}`,
    format === undefined ? 'an object without format' : `format ${String(format)}`,
    format === 1
      ? 'an earlier version wrote it: start a new run; its report.html can still be opened'
      : 'it is of another version',
  );
  runRecord(value, caller);
  return value as RunRecord;
}

/** Checks a field. @throws RangeError that names it by its path. */
type Check = (value: unknown, path: string) => void;

function kind(expected: string, isRight: (value: unknown) => boolean): Check {
  return (value, path) => ensure(isRight(value), path, expected, describe(value));
}

/** Names a wrong value without its content, which may be long. */
function describe(value: unknown): unknown {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? value.slice(0, 40) : value;
}

const text = kind('a text', (value) => typeof value === 'string');
const number = kind('a number', (value) => typeof value === 'number');
const flag = kind('true or false', (value) => typeof value === 'boolean');

function oneOf(...choices: readonly unknown[]): Check {
  return kind(`one of ${choices.join(', ')}`, (value) => choices.includes(value));
}

/** An object with these fields, of which some may be absent. It may have more. */
function fields(
  required: Readonly<Record<string, Check>>,
  optional: Readonly<Record<string, Check>> = {},
): Check {
  const isObject = kind(
    'an object',
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );
  return (value, path) => {
    isObject(value, path);
    const record = value as Readonly<Record<string, unknown>>;
    for (const [name, check] of Object.entries({ ...required, ...optional }))
      if (record[name] !== undefined || Object.hasOwn(required, name))
        check(record[name], path.includes(': ') ? `${path}.${name}` : `${path}: ${name}`);
  };
}

function list(item: Check): Check {
  const isList = kind('a list', Array.isArray);
  return (value, path) => {
    isList(value, path);
    for (const [index, each] of (value as readonly unknown[]).entries())
      item(each, `${path}[${index}]`);
  };
}

/** An object with any names. @param name - Checks them. */
function table(item: Check, name: Check = () => {}): Check {
  const isObject = fields({});
  return (value, path) => {
    isObject(value, path);
    for (const [key, each] of Object.entries(value as object)) {
      name(key, path);
      item(each, `${path}.${key}`);
    }
  };
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
  { clipNorm: number, size: number, backbone: fields({ weights: text }) },
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
    augmentation: fields({ padding: number, flip: flag, views: number }),
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

import {
  type ActorSummary,
  duration,
  grouped,
  percentSpread,
  type Spread,
  summarize,
} from '@kd/report';
import { type MethodName, methodOf, methods } from '../methods/index.ts';
import type { RunRecord } from '../record/run.ts';

const hears = {
  logits: 'recorded logits',
  features: 'features, live',
  nothing: 'nothing',
} as const;

interface Line {
  readonly cells: readonly string[];
  /** −1: the method failed. */
  readonly accuracy: number;
}

/**
 * What the runs of a survey found, in Markdown, the most accurate first. @throws RangeError where
 * none is finished.
 */
export function surveyText(records: readonly RunRecord[]): string {
  const base = records.find(({ status }) => status === 'finished');
  const summary = base && summarize(base);
  if (summary === undefined) throw new RangeError('survey: expected a finished run, got none.');
  const [teacher, alone] = summary.actors as readonly [ActorSummary, ActorSummary];
  const lines = records.map(lineOf).sort((left, right) => right.accuracy - left.accuracy);
  const baseline = [
    '*the student alone*',
    '–',
    '1',
    '–',
    percentSpread(alone.accuracy),
    '–',
    duration(alone.trainingSeconds),
  ];
  const at = lines.findIndex(({ accuracy }) => accuracy < alone.accuracy.mean);
  lines.splice(at < 0 ? lines.length : at, 0, { cells: baseline, accuracy: alone.accuracy.mean });
  const table = [
    [
      '`--method`',
      'hears of the teacher',
      'labels ×',
      'method ×',
      'test accuracy',
      'gain, points',
      'training',
    ],
    ['---', '---', '---:', '---:', '---:', '---:', '---:'],
    ...lines.map(({ cells }) => cells),
  ];
  return [
    about(base as RunRecord, teacher),
    table.map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
    ...missing(records),
  ].join('\n\n');
}

/** Methods that were not run, by name. */
function missing(records: readonly RunRecord[]): string[] {
  const run = new Set<string>(records.map(({ config }) => config.distillation.method));
  const names = Object.keys(methods).filter((name) => !run.has(name));
  return names.length === 0
    ? []
    : [`Not run yet: ${names.map((name) => `\`${name}\``).join(', ')}.`];
}

function about(
  { config, data, environment: { engine, machine } }: RunRecord,
  teacher: ActorSummary,
): string {
  const { student, seeds, optimizer } = config;
  return [
    `Teacher: ${teacher.architecture}, ${percentSpread(teacher.accuracy)}, trained on ${grouped(data.train.pictures)} pictures.`,
    `Students: ${student.architecture}, ${student.epochs} epochs of ${grouped(config.data.taught ?? data.train.pictures)} of these pictures, SGD at the peak rate ${student.peakRate}, batches of ${optimizer.batchSize};`,
    `mean ± standard deviation of ${seeds.length} seeds, the gain seed by seed over the same student alone; ${grouped(data.test.pictures)} test pictures, looked at once, by the weights of the best epoch on held-out ones.`,
    `Times on ${machine.cores} cores (${machine.processor}, ${engine.name} ${engine.version}), with whatever else ran there.`,
  ].join(' ');
}

function lineOf(record: RunRecord): Line {
  const { method, hard, soft } = record.config.distillation;
  const start = [
    `\`${method}\``,
    hears[methodOf(method as MethodName).hears],
    `${hard}`,
    `${soft}`,
  ];
  const summary = summarize(record);
  if (summary === undefined)
    return { cells: [...start, record.error ?? record.status, '–', '–'], accuracy: -1 };
  const distilled = summary.actors[2] as ActorSummary;
  return {
    cells: [
      ...start,
      percentSpread(distilled.accuracy),
      points(summary.gain),
      duration(distilled.trainingSeconds),
    ],
    accuracy: distilled.accuracy.mean,
  };
}

/** `+1.03 ± 0.20`. */
function points({ mean, deviation }: Spread): string {
  const spread = deviation === undefined ? '' : ` ± ${(100 * deviation).toFixed(2)}`;
  return `${mean < 0 ? '−' : '+'}${(100 * Math.abs(mean)).toFixed(2)}${spread}`;
}

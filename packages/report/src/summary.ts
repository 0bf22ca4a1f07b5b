import { type Actor, type ResultRecord, type RunRecord, stageName } from './runRecord.ts';

/** Over seeds. */
export interface Spread {
  readonly mean: number;
  /** Sample standard deviation; undefined with one seed. */
  readonly deviation?: number;
  readonly count: number;
}

export interface ActorSummary {
  readonly actor: Actor;
  readonly architecture: string;
  /** Test accuracy, 0–1. */
  readonly accuracy: Spread;
  readonly parameters: number;
  readonly bytes: number;
  readonly flops: number;
  readonly imagesPerSecond: number;
  readonly trainingSeconds: number;
}

export interface Summary {
  readonly actors: readonly ActorSummary[];
  /** Distilled minus alone, seed by seed, as a fraction. */
  readonly gain: Spread;
}

/** What the table, the sentence and the report say; undefined until every network was tested. */
export function summarize(record: RunRecord): Summary | undefined {
  const { seeds, teacher, student } = record.config;
  const tested = (actor: Actor, of: readonly number[]) =>
    whole(of.map((seed) => record.results[stageName(actor, seed)]));
  const teachers = tested('teacher', seeds.slice(0, 1));
  const alone = tested('alone', seeds);
  const distilled = tested('distilled', seeds);
  if (teachers === undefined || alone === undefined || distilled === undefined) return undefined;
  return {
    actors: [
      actorSummary(record, teacher.architecture, teachers),
      actorSummary(record, student.architecture, alone),
      actorSummary(record, student.architecture, distilled),
    ],
    gain: spread(
      distilled.map((taught, at) => taught.test.top1 - (alone[at] as ResultRecord).test.top1),
    ),
  };
}

/** Mean and sample standard deviation. */
export function spread(values: readonly number[]): Spread {
  const mean = average(values);
  if (values.length < 2) return { mean, count: values.length };
  const variance =
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, deviation: Math.sqrt(variance), count: values.length };
}

function actorSummary(
  record: RunRecord,
  architecture: string,
  results: readonly ResultRecord[],
): ActorSummary {
  const { actor, parameters, bytes, flops } = results[0] as ResultRecord;
  return {
    actor,
    architecture,
    accuracy: spread(results.map(({ test }) => test.top1)),
    parameters,
    bytes,
    flops,
    imagesPerSecond: average(results.map(({ test }) => test.imagesPerSecond)),
    trainingSeconds: average(
      results.map(({ seed }) => record.trainings[stageName(actor, seed)]?.seconds ?? 0),
    ),
  };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function whole(results: readonly (ResultRecord | undefined)[]): ResultRecord[] | undefined {
  const there = results.filter((result): result is ResultRecord => result !== undefined);
  return there.length === results.length ? there : undefined;
}

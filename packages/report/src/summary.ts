import { type ResultRecord, type Role, type RunRecord, stageName } from './runRecord.ts';

/** A number measured with several seeds. */
export interface Spread {
  readonly mean: number;
  /** Sample standard deviation; absent with one seed. */
  readonly std?: number;
  readonly count: number;
}

/** A compared network over all its seeds. */
export interface NetworkSummary {
  readonly role: Role;
  readonly architecture: string;
  /** Test accuracy, 0–1. */
  readonly accuracy: Spread;
  readonly parameters: number;
  readonly bytes: number;
  readonly flops: number;
  readonly imagesPerSecond: number;
  readonly trainingSeconds: number;
}

/** The result of a run over all its seeds. */
export interface Summary {
  /** Teacher, student alone, distilled student. */
  readonly networks: readonly [NetworkSummary, NetworkSummary, NetworkSummary];
  /** Test accuracy of the distilled student minus that of the student alone, seed by seed. */
  readonly gain: Spread;
}

/** Summarizes the results of a run. @returns undefined until all its networks are tested. */
export function summarize(record: RunRecord): Summary | undefined {
  const { seeds, teacher, student } = record.config;
  const [teachers, baselines, distilled] = (
    [
      ['teacher', seeds.slice(0, 1)],
      ['baseline', seeds],
      ['distilled', seeds],
    ] as const
  ).map(([role, ofSeeds]) => collectResults(record, role, ofSeeds));
  if (teachers === undefined || baselines === undefined || distilled === undefined)
    return undefined;
  return {
    networks: [
      summarizeNetwork(record, teacher.architecture, teachers),
      summarizeNetwork(record, student.architecture, baselines),
      summarizeNetwork(record, student.architecture, distilled),
    ],
    gain: spread(
      distilled.map(({ test }, at) => test.top1 - (baselines[at] as ResultRecord).test.top1),
    ),
  };
}

/** Computes the mean and the sample standard deviation. */
export function spread(values: readonly number[]): Spread {
  const mean = average(values);
  if (values.length < 2) return { mean, count: values.length };
  const variance =
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, std: Math.sqrt(variance), count: values.length };
}

/** Returns the results of a role, or undefined where one is missing. */
function collectResults(
  { results }: RunRecord,
  role: Role,
  seeds: readonly number[],
): ResultRecord[] | undefined {
  const found = seeds.flatMap((seed) => results[stageName(role, seed)] ?? []);
  return found.length === seeds.length ? found : undefined;
}

function summarizeNetwork(
  record: RunRecord,
  architecture: string,
  results: readonly ResultRecord[],
): NetworkSummary {
  const { role, parameters, bytes, flops } = results[0] as ResultRecord;
  return {
    role,
    architecture,
    accuracy: spread(results.map(({ test }) => test.top1)),
    parameters,
    bytes,
    flops,
    imagesPerSecond: average(results.map(({ test }) => test.imagesPerSecond)),
    trainingSeconds: average(
      results.map(({ seed }) => record.trainings[stageName(role, seed)]?.seconds ?? 0),
    ),
  };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

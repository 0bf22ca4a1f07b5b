import { readFile } from 'node:fs/promises';
import { expectedError } from '@kd/core';
import { formatElapsed, formatInteger } from '@kd/core/internal';
import { writeFileAtomic } from '@kd/files/node';
import { formatSpread, type NetworkSummary, type Spread, summarize } from '@kd/report';
import { findMethod, methods } from '../experiment/methods.ts';
import type { ExperimentRun } from '../run/runDirectory.ts';

const needs = {
  logits: 'cached logits',
  features: 'features of each batch',
  nothing: 'nothing',
} as const;

interface Row {
  readonly cells: readonly string[];
  /** Mean accuracy of the distilled students, 0–1; −1 where the method failed. */
  readonly accuracy: number;
}

/**
 * Renders the runs of a survey as a Markdown table, the most accurate first.
 * @throws RangeError where none is finished.
 */
export function renderSurvey(records: readonly ExperimentRun[]): string {
  const base = records.find(({ status }) => status === 'finished');
  const summary = base && summarize(base);
  if (base === undefined || summary === undefined)
    throw expectedError('survey', 'a finished run', 'none');
  const [teacher, baseline] = summary.networks;
  const rows = records.map(surveyRow).sort((left, right) => right.accuracy - left.accuracy);
  const baselineCells = [
    '*the student alone*',
    '–',
    '1',
    '–',
    formatSpread(baseline.accuracy),
    '–',
    formatElapsed(baseline.trainingSeconds),
  ];
  const worse = rows.findIndex(({ accuracy }) => accuracy < baseline.accuracy.mean);
  rows.splice(worse < 0 ? rows.length : worse, 0, {
    cells: baselineCells,
    accuracy: baseline.accuracy.mean,
  });
  const table = [
    [
      '`--method`',
      'needs of the teacher',
      'weight of labels',
      'weight of method',
      'test accuracy',
      'gain, points',
      'training',
    ],
    ['---', '---', '---:', '---:', '---:', '---:', '---:'],
    ...rows.map(({ cells }) => cells),
  ];
  return [
    describeSurvey(base, teacher),
    table.map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
    ...listMissing(records),
  ].join('\n\n');
}

/**
 * Writes a text into a Markdown page, between `<!-- name -->` and `<!-- /name -->`.
 * @throws RangeError where the page has no such marks.
 */
export async function writeBetween(page: string, name: string, text: string): Promise<void> {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const whole = await readFile(page, 'utf8');
  const [from, to] = [whole.indexOf(start), whole.indexOf(end)];
  if (from < 0 || to < from)
    throw expectedError(page, `${start} … ${end}`, 'neither', 'put them where the table belongs');
  const head = whole.slice(0, from + start.length);
  await writeFileAtomic(page, `${head}\n\n${text}\n\n${whole.slice(to)}`);
}

/** Names the methods that were not run. */
function listMissing(records: readonly ExperimentRun[]): string[] {
  const run = new Set<string>(records.map(({ config }) => config.distillation.method));
  const names = Object.keys(methods).filter((name) => !run.has(name));
  return names.length === 0
    ? []
    : [`Not run yet: ${names.map((name) => `\`${name}\``).join(', ')}.`];
}

function describeSurvey(
  { config, data, environment: { engine, machine } }: ExperimentRun,
  teacher: NetworkSummary,
): string {
  const { student, seeds, optimizer, images } = config;
  const studentImages = images.student ?? data.train.images;
  return [
    `Teacher: ${teacher.architecture}, ${formatSpread(teacher.accuracy)}, trained on ${formatInteger(data.train.images)} images.`,
    `Students: ${student.architecture}, ${student.epochs} epochs of ${formatInteger(studentImages)} of these images, SGD with a peak rate of ${student.peakRate}, batches of ${optimizer.batchSize};`,
    `mean ± standard deviation of ${seeds.length} seeds, the gain seed by seed over the same student alone; ${formatInteger(data.test.images)} test images, evaluated once, with the weights of the epoch that was best on the validation images.`,
    `Times on ${machine.cores} cores (${machine.processor}, ${engine.name} ${engine.version}), with whatever else ran there.`,
  ].join(' ');
}

function surveyRow(record: ExperimentRun): Row {
  const { method, weights } = record.config.distillation;
  const start = [
    `\`${method}\``,
    needs[findMethod(method).needs],
    `${weights.labels}`,
    `${weights.method}`,
  ];
  const summary = summarize(record);
  if (summary === undefined)
    return { cells: [...start, record.error ?? record.status, '–', '–'], accuracy: -1 };
  const distilled = summary.networks[2];
  return {
    cells: [
      ...start,
      formatSpread(distilled.accuracy),
      formatPoints(summary.gain),
      formatElapsed(distilled.trainingSeconds),
    ],
    accuracy: distilled.accuracy.mean,
  };
}

/** `+1.03 ± 0.20`. */
function formatPoints({ mean, std }: Spread): string {
  const spread = std === undefined ? '' : ` ± ${(100 * std).toFixed(2)}`;
  return `${mean < 0 ? '−' : '+'}${(100 * Math.abs(mean)).toFixed(2)}${spread}`;
}

import { ensure } from '@kd/core';
import { formatBytes, formatInteger, formatPercent } from '@kd/core/internal';
import { type Chart, linearAxis, logarithmicAxis } from '../charts/axes.ts';
import { calibrationChart } from '../charts/calibration.ts';
import { curvesChart } from '../charts/curves.ts';
import { scatterChart } from '../charts/scatter.ts';
import type { DataInspectionRecord } from '../dataInspection.ts';
import { formatSpread, resultColumns } from '../format.ts';
import { element, escapeHtml, section } from '../html.ts';
import type { Predictions } from '../predictions.ts';
import {
  type ChoiceRecord,
  type MetricsRecord,
  type ResultRecord,
  type Role,
  type RunRecord,
  stageName,
} from '../runRecord.ts';
import { footnotes, summarizeGain } from '../sentences.ts';
import { type NetworkSummary, type Summary, summarize } from '../summary.ts';
import { configuration } from './configuration.ts';
import { areMatricesDrawn, confusions } from './confusions.ts';
import { dataSection } from './dataPage.ts';
import { notices } from './dataParts.ts';
import { renderDocument } from './document.ts';
import { exampleCards } from './examples.ts';
import { foldedTable } from './foldedTable.ts';
import { recallTable } from './recall.ts';

/** Headings of the compared networks. */
const headings: Readonly<Record<Role, string>> = {
  teacher: 'Teacher',
  baseline: 'Student alone (baseline)',
  distilled: 'Distilled student',
};

/** Labels in drawings, where there is little room. */
const labels: Readonly<Record<Role, string>> = {
  teacher: 'Teacher',
  baseline: 'Student alone',
  distilled: 'Distilled student',
};

/**
 * Renders the report of a finished run.
 * @param predictions - The logits of the networks of the first seed on the test images.
 * @param data - The inspection of its images, where there is one.
 * @returns HTML: one page that loads nothing else.
 * @throws RangeError on a run without all its results, and on predictions of another size.
 */
export async function renderReport(
  record: RunRecord,
  predictions: Predictions,
  data?: DataInspectionRecord,
): Promise<string> {
  const summary = summarize(record);
  ensure(
    summary !== undefined,
    'renderReport',
    'a run whose networks are all tested',
    'one without some results',
    'resume it',
  );
  checkPredictions(record, predictions);
  const title = `${record.config.experiment} · knowledge distillation`;
  return renderDocument(title, [
    header(record, summary),
    tiles(summary),
    data === undefined
      ? notices({ problems: [], warnings: record.data.warnings ?? [] })
      : dataSection(data),
    results(summary),
    learningCurves(record),
    costs(record, summary),
    await examples(record, predictions),
    recall(record),
    confusionMatrices(record),
    calibration(record, predictions),
    ...(record.choices === undefined ? [] : [choices(record.choices)]),
    section(
      'Configuration',
      'Data, seeds and settings determine the result, up to the rounding of the engine.',
      configuration(record),
    ),
    element(
      'footer',
      {},
      'The file run.json beside this page has all of these numbers and more, epoch by epoch.',
    ),
  ]);
}

/** What the program chose by default, with the reasons. */
function choices(list: readonly ChoiceRecord[]): string {
  const rows = list.map(({ what, value, why }) => [what, value, why].map(escapeHtml));
  return section(
    'Choices',
    'What no flag named was chosen by the images; the command below names the numbers.',
    foldedTable('facts', ['What', 'Value', 'Reason'], rows),
  );
}

function checkPredictions({ data }: RunRecord, { labels: trueLabels, logits }: Predictions): void {
  const { images } = data.test;
  const classes = data.classNames.length;
  const caller = 'renderReport: predictions';
  ensure(trueLabels.length === images, caller, `${images} labels`, trueLabels.length);
  for (const [role, values] of Object.entries(logits))
    ensure(
      values.length === images * classes,
      caller,
      `${images} × ${classes} logits of ${role}`,
      values.length,
    );
}

function header(record: RunRecord, summary: Summary): string {
  const { experiment } = record.config;
  const { sentence, holds } = summarizeGain(record, summary);
  const notes = footnotes(record);
  const origin = `Knowledge distillation · ${experiment} · ${record.started.slice(0, 10)}`;
  return [
    element(
      'header',
      {},
      element('p', { class: 'where' }, escapeHtml(origin)),
      element('h1', {}, escapeHtml(sentence)),
    ),
    ...(holds === false
      ? [element('p', { class: 'notice' }, 'The claim of this experiment does not hold.')]
      : []),
    ...(notes === undefined ? [] : [element('p', {}, escapeHtml(notes))]),
  ].join('');
}

function tiles({ networks }: Summary): string {
  const tile = ({ role, accuracy, architecture }: NetworkSummary) =>
    element(
      'div',
      { class: `tile ${role}` },
      headings[role],
      element('b', {}, formatSpread(accuracy)),
      element('small', {}, escapeHtml(architecture)),
    );
  return element('div', { class: 'tiles' }, ...networks.map(tile));
}

function results({ networks }: Summary): string {
  const titles = ['', 'network', ...resultColumns.map(({ title }) => title)];
  const head = titles.map((title) => {
    const capitalized = title.charAt(0).toUpperCase() + title.slice(1);
    return element('th', {}, escapeHtml(capitalized));
  });
  const rows = networks.map((network) => {
    const cells = [network.architecture, ...resultColumns.map(({ format }) => format(network))];
    return element(
      'tr',
      {},
      element('th', { class: network.role }, headings[network.role]),
      ...cells.map((text) => element('td', {}, escapeHtml(text))),
    );
  });
  const table = element(
    'table',
    { class: 'results' },
    element('thead', {}, element('tr', {}, ...head)),
    element('tbody', {}, ...rows),
  );
  return section(
    'Results',
    'Each network is evaluated on the test images once, with the weights of the epoch that had ' +
      'the best validation accuracy.',
    element('div', { class: 'scroll' }, table),
  );
}

function learningCurves({ config, trainings }: RunRecord): string {
  const stages: readonly (readonly [Role, string])[] = [
    ['teacher', stageName('teacher', 0)],
    ...(['baseline', 'distilled'] as const).flatMap((role) =>
      config.seeds.map((seed) => [role, stageName(role, seed)] as const),
    ),
  ];
  const curves = (metric: (validation: MetricsRecord) => number) =>
    stages.map(([role, stage]) => ({
      label: labels[role],
      className: role,
      values: (trainings[stage]?.epochs ?? []).flatMap(({ validation }) =>
        validation === undefined ? [] : [metric(validation)],
      ),
    }));
  const accuracy = curvesChart(
    curves(({ top1 }) => top1),
    {
      title: 'Accuracy',
      axis: 'validation accuracy',
      format: (value) => formatPercent(value, 0),
      bounds: [0, 1],
    },
  );
  const loss = curvesChart(
    curves((validation) => validation.loss),
    {
      title: 'Cross entropy with the labels',
      axis: 'validation cross entropy, nats',
      format: String,
      bounds: [0, Number.POSITIVE_INFINITY],
    },
  );
  return section(
    'Learning curves',
    'On the validation images, after every epoch. Both students start from the same weights and ' +
      'are trained on the same images in the same order.',
    wideFigures([accuracy, loss]),
  );
}

function costs({ environment }: RunRecord, { networks }: Summary): string {
  const y = linearAxis(
    'test accuracy',
    networks.flatMap(({ accuracy: { mean, std = 0 } }) => [mean - std, mean + std]),
    (tick) => formatPercent(tick, tick * 100 === Math.round(tick * 100) ? 0 : 1),
    [0, 1],
  );
  const draw = (
    title: string,
    axis: string,
    cost: (network: NetworkSummary) => number,
    format: (value: number) => string,
  ) => {
    const points = networks.map((network) => {
      const { role, accuracy } = network;
      const { mean, std } = accuracy;
      const label = `${labels[role]} ${formatSpread(accuracy)}`;
      const point = { label, className: role, x: cost(network), y: mean };
      return std === undefined ? point : { ...point, std };
    });
    return scatterChart(title, points, {
      x: logarithmicAxis(axis, networks.map(cost), format),
      y,
    });
  };
  return section(
    'Accuracy against size and speed',
    'Distillation changes the accuracy of a student, not its cost. Speed: evaluation on ' +
      `${environment.engine.name} on this machine.`,
    wideFigures([
      draw('Size', 'bytes of weights, fewer is better', ({ bytes }) => bytes, formatBytes),
      draw(
        'Speed',
        'images per second, more is better',
        ({ imagesPerSecond }) => imagesPerSecond,
        formatInteger,
      ),
    ]),
  );
}

async function examples({ config, data }: RunRecord, predictions: Predictions): Promise<string> {
  const { temperature = 1 } = config.distillation;
  return section(
    'Soft labels and predictions',
    `Test images with the teacher's soft labels at temperature ${temperature}, the true class in ` +
      'full colour, and the predictions of both students. Improvements and regressions are both ' +
      `shown, the clearest first. Seed ${config.seeds[0]}.`,
    await exampleCards(data, predictions, temperature),
  );
}

function recall(record: RunRecord): string {
  return section(
    'Recall of each class',
    'Share of the test images of a class that are recognized, and the change from the student ' +
      'alone to the distilled one in points. Balanced accuracy is the mean over the classes. ' +
      `Seed ${record.config.seeds[0]}.`,
    recallTable(firstResults(record), record.data.classNames, labels),
  );
}

function confusionMatrices(record: RunRecord): string {
  const { classNames } = record.data;
  return section(
    areMatricesDrawn(classNames.length) ? 'Confusion matrices' : 'Most frequent confusions',
    areMatricesDrawn(classNames.length)
      ? 'Rows are true classes, columns are predictions, numbers are percent of the row. Point ' +
          'at a cell for the counts.'
      : 'Test images of one class that were taken for another.',
    confusions(firstResults(record), classNames, labels),
  );
}

function calibration(record: RunRecord, { logits, labels: trueLabels }: Predictions): string {
  const charts = firstResults(record).map(({ role, test }) => {
    const title = `${labels[role]}: ECE ${formatPercent(test.calibrationError)}`;
    return calibrationChart({ title, className: role }, logits[role], trueLabels);
  });
  return section(
    'Calibration',
    'Accuracy of the predictions by their confidence. Bars below the diagonal: overconfident. ' +
      'Darker bars hold more images. ECE: expected calibration error.',
    figures(charts),
  );
}

/** Returns the results of the first seed. */
function firstResults({ results: byStage, config: { seeds } }: RunRecord): ResultRecord[] {
  return (['teacher', 'baseline', 'distilled'] as const).flatMap(
    (role) => byStage[stageName(role, seeds[0] as number)] ?? [],
  );
}

function figures(charts: readonly Chart[]): string {
  const figure = ({ title, svg, className = '' }: Chart) =>
    element('figure', {}, element('figcaption', { class: className }, escapeHtml(title)), svg);
  return element('div', { class: 'figures' }, ...charts.map(figure));
}

/** Renders figures that are wider than in three columns. */
function wideFigures(charts: readonly Chart[]): string {
  return element('div', { class: 'wide' }, figures(charts));
}

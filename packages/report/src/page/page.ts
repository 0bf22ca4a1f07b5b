import { ensure } from '@kd/core';
import { formatBytes, formatInteger, formatPercent } from '@kd/core/internal';
import { type Chart, linearAxis, logarithmicAxis } from '../charts/axes.ts';
import { calibrationChart } from '../charts/calibration.ts';
import { confusionChart } from '../charts/confusion.ts';
import { curvesChart } from '../charts/curves.ts';
import { scatterChart } from '../charts/scatter.ts';
import { formatSpread, resultColumns } from '../format.ts';
import { escapeHtml, section, stylesheet } from '../html.ts';
import type { Predictions } from '../predictions.ts';
import {
  type MetricsRecord,
  type ResultRecord,
  type Role,
  type RunRecord,
  stageName,
} from '../runRecord.ts';
import { footnotes, summarizeGain } from '../sentences.ts';
import { type NetworkSummary, type Summary, summarize } from '../summary.ts';
import { configuration } from './configuration.ts';
import { exampleCards } from './examples.ts';

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
 * @returns HTML: one page that loads nothing else.
 * @throws RangeError on a run without all its results, and on predictions of another size.
 */
export async function renderReport(record: RunRecord, predictions: Predictions): Promise<string> {
  const summary = summarize(record);
  ensure(
    summary !== undefined,
    'renderReport',
    'a run whose networks are all tested',
    'one without some results',
    'resume it',
  );
  checkPredictions(record, predictions);
  const { config, data, environment } = record;
  const { sentence, holds } = summarizeGain(record, summary);
  const notes = footnotes(record);
  const { temperature = 1 } = config.distillation;
  const body = [
    `<header><p class="where">${escapeHtml(`Knowledge distillation · ${config.experiment} · ${record.started.slice(0, 10)}`)}</p><h1>${escapeHtml(sentence)}</h1></header>`,
    holds === false ? '<p class="notice">The claim of this experiment does not hold.</p>' : '',
    notes === undefined ? '' : `<p>${escapeHtml(notes)}</p>`,
    tiles(summary),
    section(
      'Results',
      'Each network is evaluated on the test images once, with the weights of the epoch that had the best validation accuracy.',
      resultRows(summary),
    ),
    wide(
      section(
        'Learning curves',
        'On the validation images, after every epoch. Both students start from the same weights and are trained on the same images in the same order.',
        figures(learningCurves(record)),
      ),
    ),
    wide(
      section(
        'Accuracy against size and speed',
        `Distillation changes the accuracy of a student, not its cost. Speed: evaluation on ${environment.engine.name} on this machine.`,
        figures(costCharts(summary)),
      ),
    ),
    section(
      'Soft labels and predictions',
      `Test images with the teacher's soft labels at temperature ${temperature}, the true class in full colour, and the predictions of both students. Improvements and regressions are both shown, the clearest first. Seed ${config.seeds[0]}.`,
      await exampleCards(data, predictions, temperature),
    ),
    section(
      'Confusion matrices',
      'Rows are true classes, columns are predictions, numbers are percent of the row. Point at a cell for the counts.',
      figures(
        firstResults(record).map(({ role, test }) =>
          confusionChart(
            {
              title: `${headings[role]}: accuracy ${formatPercent(test.top1, 2)}`,
              className: role,
            },
            test.confusion,
            data.classNames,
          ),
        ),
      ),
    ),
    section(
      'Calibration',
      'Accuracy of the predictions by their confidence. Bars below the diagonal: overconfident. Darker bars hold more images. ECE: expected calibration error.',
      figures(
        firstResults(record).map(({ role, test }) =>
          calibrationChart(
            {
              title: `${headings[role]}: ECE ${formatPercent(test.calibrationError)}`,
              className: role,
            },
            predictions.logits[role],
            predictions.labels,
          ),
        ),
      ),
    ),
    section(
      'Configuration',
      'Data, seeds and settings determine the result, up to the rounding of the engine.',
      configuration(record),
    ),
    '<footer>The file run.json beside this page has all of these numbers and more, epoch by epoch.</footer>',
  ];
  const title = escapeHtml(`${config.experiment} · knowledge distillation`);
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title>`;
  return `<!doctype html><html lang="en"><head>${head}<style>${stylesheet}</style></head><body><main>${body.join('\n')}</main></body></html>\n`;
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

function tiles({ networks }: Summary): string {
  const tile = ({ role, accuracy, architecture }: NetworkSummary) =>
    `<div class="tile ${role}">${headings[role]}<b>${formatSpread(accuracy)}</b><small>${escapeHtml(architecture)}</small></div>`;
  return `<div class="tiles">${networks.map(tile).join('')}</div>`;
}

function resultRows({ networks }: Summary): string {
  const head = ['', 'network', ...resultColumns.map(({ title }) => title)].map(
    (title) => `<th>${escapeHtml(title.charAt(0).toUpperCase() + title.slice(1))}</th>`,
  );
  const rows = networks.map((network) => {
    const cells = [network.architecture, ...resultColumns.map(({ format }) => format(network))].map(
      (text) => `<td>${escapeHtml(text)}</td>`,
    );
    return `<tr><th class="${network.role}">${headings[network.role]}</th>${cells.join('')}</tr>`;
  });
  return `<div class="scroll"><table class="results"><thead><tr>${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function learningCurves({ config, trainings }: RunRecord): Chart[] {
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
  return [
    curvesChart(
      curves(({ top1 }) => top1),
      {
        title: 'Accuracy',
        axis: 'validation accuracy',
        format: (value) => formatPercent(value, 0),
        bounds: [0, 1],
      },
    ),
    curvesChart(
      curves(({ loss }) => loss),
      {
        title: 'Cross entropy with the labels',
        axis: 'validation cross entropy, nats',
        format: String,
        bounds: [0, Number.POSITIVE_INFINITY],
      },
    ),
  ];
}

function costCharts({ networks }: Summary): Chart[] {
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
  ) =>
    scatterChart(
      title,
      networks.map((network) => {
        const { role, accuracy } = network;
        const { mean, std } = accuracy;
        return {
          label: `${labels[role]} ${formatSpread(accuracy)}`,
          className: role,
          x: cost(network),
          y: mean,
          ...(std !== undefined && { std }),
        };
      }),
      { x: logarithmicAxis(axis, networks.map(cost), format), y },
    );
  return [
    draw('Size', 'bytes of weights, fewer is better', ({ bytes }) => bytes, formatBytes),
    draw(
      'Speed',
      'images per second, more is better',
      ({ imagesPerSecond }) => imagesPerSecond,
      formatInteger,
    ),
  ];
}

function firstResults({ results, config: { seeds } }: RunRecord): ResultRecord[] {
  return (['teacher', 'baseline', 'distilled'] as const).flatMap(
    (role) => results[stageName(role, seeds[0] as number)] ?? [],
  );
}

function figures(charts: readonly Chart[]): string {
  const figure = ({ title, svg, className = '' }: Chart) =>
    `<figure><figcaption class="${className}">${escapeHtml(title)}</figcaption>${svg}</figure>`;
  return `<div class="figures">${charts.map(figure).join('')}</div>`;
}

/** Gives the drawings of a section more width. */
function wide(markup: string): string {
  return `<div class="wide">${markup}</div>`;
}

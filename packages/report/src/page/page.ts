import { reliability } from '../charts/calibration.ts';
import { confusionMatrix } from '../charts/confusion.ts';
import { accuracyCurves, lossCurves } from '../charts/curves.ts';
import { accuracyBySize, accuracyBySpeed } from '../charts/scatter.ts';
import { conclude } from '../conclusion.ts';
import { besides } from '../footnotes.ts';
import { percent, percentSpread } from '../format.ts';
import { escaped, figures, section } from '../html.ts';
import { type ResultRecord, type RunRecord, stageName } from '../runRecord.ts';
import { type Summary, summarize } from '../summary.ts';
import { actorTitles, columns } from '../table.ts';
import { configuration } from './configuration.ts';
import { pictures } from './examples.ts';
import type { Answers } from './predictions.ts';
import { style } from './style.ts';

/** The report of a finished run: one file that asks for nothing else. @returns HTML. */
export function reportPage(record: RunRecord, answers: Answers): string {
  const summary = summarize(record);
  if (summary === undefined)
    throw new RangeError(
      'reportPage: expected a run whose networks were all tested, got one without results; resume it.',
    );
  const { sentence, holds } = conclude(record, summary);
  const extra = besides(record);
  const { temperature = 1 } = record.config.distillation;
  const body = [
    `<header><p class="where">kd · preset ${escaped(record.config.preset)} · ${escaped(record.started.slice(0, 10))}</p><h1>${escaped(sentence)}</h1></header>`,
    holds === false ? '<p class="notice">The claim of this preset is missed.</p>' : '',
    extra === undefined ? '' : `<p>${escaped(extra)}</p>`,
    tiles(summary),
    section(
      'Result',
      'Measured once, with the weights of the epoch that was best on held-out pictures; the test pictures chose nothing.',
      results(summary),
    ),
    `<div class="wide">${section(
      'Learning curves',
      'After every epoch, on held-out pictures. Alone and distilled start from the same weights and see the same pictures in the same order.',
      figures([
        { title: 'Accuracy', svg: accuracyCurves(record) },
        { title: 'Cross entropy', svg: lossCurves(record) },
      ]),
    )}</div>`,
    `<div class="wide">${section(
      'Accuracy against size and speed',
      `Distillation changes what a student knows, not what it costs. Speed is that of ${record.environment.engine.name} on this machine.`,
      figures([
        { title: 'Size', svg: accuracyBySize(summary) },
        { title: 'Speed', svg: accuracyBySpeed(summary) },
      ]),
    )}</div>`,
    section(
      `What the teacher passes on`,
      `Test pictures with the teacher's soft labels at temperature ${temperature}; the truth in full colour. Gains and losses are both shown, the clearest first. Seed ${record.config.seeds[0]}.`,
      pictures(answers, temperature),
    ),
    section(
      'Confusion',
      'Truth by row, answer by column, in percent of the row; point at a cell for the counts.',
      confusions(record),
    ),
    section(
      'Calibration',
      'How often an answer of some confidence is right. Bars below the line: too sure. Darker bars hold more pictures.',
      calibrations(record, answers),
    ),
    section(
      'How to repeat it',
      'Data, seeds and configuration decide the result, up to the rounding of the engine.',
      configuration(record),
    ),
    '<footer>Everything in this page and more, epoch by epoch, is in run.json beside it.</footer>',
  ];
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>kd · ${escaped(record.config.preset)}</title>`;
  return `<!doctype html><html lang="en"><head>${head}<style>${style}</style></head><body><main>${body.join('\n')}</main></body></html>\n`;
}

function tiles({ actors }: Summary): string {
  const tile = ({ actor, accuracy, architecture }: Summary['actors'][number]) =>
    `<div class="tile ${actor}">${actorTitles[actor]}<b>${percentSpread(accuracy)}</b><small>${escaped(architecture)}</small></div>`;
  return `<div class="tiles">${actors.map(tile).join('')}</div>`;
}

function results({ actors }: Summary): string {
  const head = ['', 'network', ...columns.map(({ title }) => title)]
    .map((title) => `<th>${escaped(title)}</th>`)
    .join('');
  const row = (actor: Summary['actors'][number]) => {
    const cells = [actor.architecture, ...columns.map(({ cell }) => cell(actor))].map(
      (text) => `<td>${escaped(text)}</td>`,
    );
    return `<tr><th class="${actor.actor}">${actorTitles[actor.actor]}</th>${cells.join('')}</tr>`;
  };
  return `<div class="scroll"><table class="results"><thead><tr>${head}</tr></thead><tbody>${actors.map(row).join('')}</tbody></table></div>`;
}

function confusions(record: RunRecord): string {
  const title = ({ actor, test }: ResultRecord) =>
    `${actorTitles[actor]}: ${percent(test.top1, 2)}`;
  const drawing = (result: ResultRecord) => ({
    title: title(result),
    actor: result.actor,
    svg: confusionMatrix(result.actor, result.test.confusion, record.data.classNames),
  });
  return figures(firstResults(record).map(drawing));
}

function calibrations(record: RunRecord, { logits, labels }: Answers): string {
  const drawing = ({ actor, test }: ResultRecord) => ({
    title: `${actorTitles[actor]}: off by ${percent(test.calibrationError)}`,
    actor,
    svg: reliability(actor, logits[actor], labels),
  });
  return figures(firstResults(record).map(drawing));
}

function firstResults({ results, config: { seeds } }: RunRecord): ResultRecord[] {
  const names = (['teacher', 'alone', 'distilled'] as const).map((actor) =>
    stageName(actor, seeds[0] as number),
  );
  return names.flatMap((name) => results[name] ?? []);
}

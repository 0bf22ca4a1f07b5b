import { formatInteger, formatPercent } from '@kd/core/internal';
import { escapeHtml } from '../html.ts';
import {
  type Example,
  type ExampleGroup,
  groupExamples,
  type Predictions,
} from '../predictions.ts';
import type { DataRecord } from '../runRecord.ts';
import { pngDataUri } from './png.ts';

const barsOfExample = 4;

/**
 * Renders test images with the teacher's soft labels and the predictions of both students.
 * @param temperature - Temperature of the soft labels.
 */
export async function exampleCards(
  data: DataRecord,
  predictions: Predictions,
  temperature: number,
): Promise<string> {
  const groups = groupExamples(predictions, temperature).filter(({ shown }) => shown.length > 0);
  const total = formatInteger(predictions.labels.length);
  const render = async ({ title, count, shown }: ExampleGroup) => {
    const cards = await Promise.all(shown.map((example) => card(example, data, predictions)));
    return `<h3>${escapeHtml(title)} <small>${formatInteger(count)} of ${total}</small></h3><div class="cards">${cards.join('')}</div>`;
  };
  return (await Promise.all(groups.map(render))).join('');
}

async function card(
  example: Example,
  { classNames, imageShape }: DataRecord,
  { image }: Predictions,
): Promise<string> {
  const { label, softLabels } = example;
  const nameOf = (index: number) => classNames[index] ?? String(index);
  const source = await pngDataUri(image(example.index), imageShape);
  const order = Array.from(softLabels.keys()).sort(
    (left, right) => (softLabels[right] as number) - (softLabels[left] as number),
  );
  const largest = softLabels[order[0] as number] as number;
  const bars = order.slice(0, barsOfExample).map((index) => {
    const probability = softLabels[index] as number;
    const length = ((100 * probability) / largest).toFixed(1);
    return `<div${index === label ? ' class="truth"' : ''}><em>${escapeHtml(nameOf(index))}</em><span><u style="width:${length}%"></u></span><small>${formatPercent(probability, 0)}</small></div>`;
  });
  const prediction = (role: 'baseline' | 'distilled', title: string) => {
    const isRight = example[role] === label;
    return `<span class="${role}"><i></i>${title} <b class="${isRight ? 'right' : 'wrong'}">${escapeHtml(nameOf(example[role]))} ${isRight ? '✓' : '✗'}</b></span>`;
  };
  const name = escapeHtml(nameOf(label));
  return `<div class="card"><img alt="${name}" src="${source}"><div><strong>${name}</strong><div class="soft">${bars.join('')}</div>${prediction('baseline', 'alone')}${prediction('distilled', 'distilled')}</div></div>`;
}

import { formatInteger, formatPercent } from '@kd/core/internal';
import { element, escapeHtml } from '../html.ts';
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
    const share = element('small', {}, `${formatInteger(count)} of ${total}`);
    return (
      element('h3', {}, escapeHtml(title), ' ', share) +
      element('div', { class: 'cards' }, ...cards)
    );
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
    const width = `width:${((100 * probability) / largest).toFixed(1)}%`;
    return element(
      'div',
      index === label ? { class: 'trueClass' } : {},
      element('em', {}, escapeHtml(nameOf(index))),
      element('span', {}, element('u', { style: width })),
      element('small', {}, formatPercent(probability, 0)),
    );
  });
  const prediction = (role: 'baseline' | 'distilled', title: string) => {
    const isRight = example[role] === label;
    const answer = `${nameOf(example[role])} ${isRight ? '✓' : '✗'}`;
    return element(
      'span',
      { class: role },
      element('i'),
      `${title} `,
      element('b', { class: isRight ? 'right' : 'wrong' }, escapeHtml(answer)),
    );
  };
  return element(
    'div',
    { class: 'card' },
    element('img', { alt: nameOf(label), src: source }),
    element(
      'div',
      {},
      element('strong', {}, escapeHtml(nameOf(label))),
      element('div', { class: 'soft' }, ...bars),
      prediction('baseline', 'alone'),
      prediction('distilled', 'distilled'),
    ),
  );
}

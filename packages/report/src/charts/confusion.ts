import { formatPercent } from '@kd/core/internal';
import { element, escapeHtml } from '../html.ts';
import type { Chart } from './axes.ts';

const cell = 27;
const left = 74;
const top = 62;
/** Letters of a class name that there is room for. */
const longestName = 12;
/** Shares of a row below this have no number in their cell. */
const leastNumber = 0.045;

/**
 * Draws a confusion matrix: rows are labels, columns are predictions. The depth of a cell is the
 * square root of its share of the row, so that errors can be seen; counts are in the tooltips.
 * @param confusion - Counts of images, [label][prediction].
 */
export function confusionChart(
  { title, className }: { readonly title: string; readonly className: string },
  confusion: readonly (readonly number[])[],
  classNames: readonly string[],
): Chart {
  const side = classNames.length * cell;
  const nameOf = (label: number) => classNames[label] ?? String(label);
  const rows = confusion.map((counts, label) => {
    const images = counts.reduce((sum, count) => sum + count, 0);
    const y = top + label * cell;
    const anchor = { x: left - 6, y: y + cell / 2 + 3.5, 'text-anchor': 'end' };
    const cells = counts.map((count, prediction) => {
      const share = images === 0 ? 0 : count / images;
      const outcome =
        label === prediction
          ? `${nameOf(label)} recognized`
          : `${nameOf(label)} predicted as ${nameOf(prediction)}`;
      const tip = `${outcome}: ${count} of ${images} (${formatPercent(share)})`;
      return square(left + prediction * cell, y, share, tip);
    });
    return tick(nameOf(label), anchor) + cells.join('');
  });
  const heads = classNames.map((name, prediction) => {
    const x = left + prediction * cell + cell / 2 + 4;
    return tick(name, { transform: `translate(${x} ${top - 6}) rotate(-55)` });
  });
  const viewBox = `0 0 ${left + side + 16} ${top + side + 4}`;
  const svg = element(
    'svg',
    { class: className, viewBox, role: 'img', 'aria-label': title },
    ...heads,
    ...rows,
  );
  return { title, className, svg };
}

function tick(name: string, anchor: Readonly<Record<string, string | number>>): string {
  if (name.length <= longestName)
    return element('text', { class: 'tick', ...anchor }, escapeHtml(name));
  const short = `${name.slice(0, longestName - 1)}…`;
  const tip = element('title', {}, escapeHtml(name));
  return element('text', { class: 'tick', ...anchor }, escapeHtml(short), tip);
}

function square(x: number, y: number, share: number, tip: string): string {
  const depth = Math.sqrt(share);
  const size = cell - 1;
  const rect = element(
    'rect',
    { class: 'cell', x, y, width: size, height: size, rx: 2, 'fill-opacity': depth },
    element('title', {}, escapeHtml(tip)),
  );
  if (share < leastNumber) return rect;
  const anchor = { x: x + size / 2, y: y + cell / 2 + 3, 'text-anchor': 'middle' };
  const className = depth > 0.6 ? 'onCell' : 'count';
  return rect + element('text', { class: className, ...anchor }, `${Math.round(100 * share)}`);
}

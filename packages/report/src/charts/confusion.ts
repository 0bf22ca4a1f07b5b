import { escapeHtml } from '../html.ts';
import { type Chart, round } from './axes.ts';

const cell = 27;
const left = 74;
const top = 62;
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
    const name = `<text class="tick" x="${left - 6}" y="${y + cell / 2 + 3.5}" text-anchor="end">${escapeHtml(nameOf(label))}</text>`;
    const cells = counts.map((count, prediction) => {
      const share = images === 0 ? 0 : count / images;
      const outcome =
        label === prediction
          ? `${nameOf(label)} recognized`
          : `${nameOf(label)} predicted as ${nameOf(prediction)}`;
      const tip = `${outcome}: ${count} of ${images} (${(100 * share).toFixed(1)} %)`;
      return square(left + prediction * cell, y, share, tip);
    });
    return name + cells.join('');
  });
  const heads = classNames.map((name, prediction) => {
    const x = left + prediction * cell + cell / 2 + 4;
    return `<text class="tick" transform="translate(${x} ${top - 6}) rotate(-55)">${escapeHtml(name)}</text>`;
  });
  return {
    title,
    className,
    svg: `<svg class="${className}" viewBox="0 0 ${left + side + 16} ${top + side + 4}" role="img">${heads.join('')}${rows.join('')}</svg>`,
  };
}

function square(x: number, y: number, share: number, tip: string): string {
  const depth = round(Math.sqrt(share));
  const rect = `<rect class="cell" x="${x}" y="${y}" width="${cell - 1}" height="${cell - 1}" rx="2" fill-opacity="${depth}"><title>${escapeHtml(tip)}</title></rect>`;
  if (share < leastNumber) return rect;
  return `${rect}<text class="${depth > 0.6 ? 'onCell' : 'count'}" x="${x + (cell - 1) / 2}" y="${y + cell / 2 + 3}" text-anchor="middle">${Math.round(100 * share)}</text>`;
}

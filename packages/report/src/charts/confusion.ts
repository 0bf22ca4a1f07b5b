import { escaped } from '../html.ts';
import type { Actor } from '../runRecord.ts';
import { round } from './axes.ts';

const cell = 27;
const left = 74;
const top = 62;

/**
 * Rows are the truth, columns the answer. Colours are shares of a row, errors amplified by a square
 * root; the counts are in the titles. @param confusion [truth][answer], pictures.
 */
export function confusionMatrix(
  actor: Actor,
  confusion: readonly (readonly number[])[],
  classNames: readonly string[],
): string {
  const side = classNames.length * cell;
  const rows = confusion.map((row, truth) => {
    const pictures = row.reduce((sum, count) => sum + count, 0);
    const y = top + truth * cell;
    const name = `<text class="tick" x="${left - 6}" y="${y + cell / 2 + 3.5}" text-anchor="end">${escaped(classNames[truth] as string)}</text>`;
    return (
      name +
      row.map((count, answer) => square(count, pictures, classNames, truth, answer, y)).join('')
    );
  });
  const heads = classNames.map((name, answer) => {
    const x = left + answer * cell + cell / 2 + 4;
    return `<text class="tick" transform="translate(${x} ${top - 6}) rotate(-55)">${escaped(name)}</text>`;
  });
  return `<svg class="${actor}" viewBox="0 0 ${left + side + 16} ${top + side + 4}" role="img">${heads.join('')}${rows.join('')}</svg>`;
}

function square(
  count: number,
  pictures: number,
  classNames: readonly string[],
  truth: number,
  answer: number,
  y: number,
): string {
  const share = pictures === 0 ? 0 : count / pictures;
  const x = left + answer * cell;
  const said =
    truth === answer
      ? `${classNames[truth]} recognised`
      : `${classNames[truth]} taken for ${classNames[answer]}`;
  const title = `${said}: ${count} of ${pictures} (${(100 * share).toFixed(1)} %)`;
  const shade = round(Math.sqrt(share));
  const rect = `<rect class="cell" x="${x}" y="${y}" width="${cell - 1}" height="${cell - 1}" rx="2" fill-opacity="${shade}"><title>${escaped(title)}</title></rect>`;
  if (share < 0.045) return rect;
  const text = `<text class="${shade > 0.6 ? 'onCell' : 'count'}" x="${x + (cell - 1) / 2}" y="${y + cell / 2 + 3}" text-anchor="middle">${Math.round(100 * share)}</text>`;
  return rect + text;
}

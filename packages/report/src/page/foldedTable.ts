import { formatInteger } from '@kd/core/internal';
import { element, escapeHtml } from '../html.ts';

/** Rows that are shown at once; others unfold. */
const shownRows = 40;

/**
 * Renders a table whose rows behind the fortieth unfold on a click.
 * @param rows - Cells as markup.
 */
export function foldedTable(
  className: string,
  titles: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const head = element(
    'thead',
    {},
    element('tr', {}, ...titles.map((title) => element('th', { scope: 'col' }, escapeHtml(title)))),
  );
  const table = (part: readonly (readonly string[])[]) =>
    element(
      'div',
      { class: 'scroll' },
      element('table', { class: className }, head, element('tbody', {}, ...part.map(tableRow))),
    );
  // A few rows more are not worth a click.
  if (rows.length <= 1.25 * shownRows) return table(rows);
  const rest = rows.slice(shownRows);
  return (
    table(rows.slice(0, shownRows)) +
    element(
      'details',
      {},
      element('summary', {}, `${formatInteger(rest.length)} more`),
      table(rest),
    )
  );
}

function tableRow([first = '', ...cells]: readonly string[]): string {
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, first),
    ...cells.map((cell) => element('td', {}, cell)),
  );
}

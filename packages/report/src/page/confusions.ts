import { formatInteger, formatPercent } from '@kd/core/internal';
import { confusionChart } from '../charts/confusion.ts';
import { element, escapeHtml } from '../html.ts';
import type { ResultRecord, Role } from '../runRecord.ts';
import { foldedTable } from './foldedTable.ts';

/** Matrices of more classes are neither small nor legible. */
const mostClasses = 30;

const listed = 12;

/** Whether confusion matrices of so many classes are drawn; otherwise a table takes their place. */
export function areMatricesDrawn(classes: number): boolean {
  return classes <= mostClasses;
}

/** Draws the confusion matrices, or lists the most frequent confusions of many classes. */
export function confusions(
  results: readonly ResultRecord[],
  classNames: readonly string[],
  labels: Readonly<Record<Role, string>>,
): string {
  const figures = results.map(({ role, test }) => {
    const title = `${labels[role]}: accuracy ${formatPercent(test.top1, 2)}`;
    const body = areMatricesDrawn(classNames.length)
      ? confusionChart({ title, className: role }, test.confusion, classNames).svg
      : confusionTable(test.confusion, classNames);
    return element('figure', {}, element('figcaption', { class: role }, escapeHtml(title)), body);
  });
  return element('div', { class: 'figures' }, ...figures);
}

function confusionTable(
  confusion: readonly (readonly number[])[],
  classNames: readonly string[],
): string {
  const errors = confusion.flatMap((counts, label) =>
    counts.flatMap((count, prediction) =>
      count === 0 || label === prediction ? [] : [{ label, prediction, count }],
    ),
  );
  errors.sort((left, right) => right.count - left.count);
  const nameOf = (index: number) => escapeHtml(classNames[index] ?? String(index));
  const rows = errors
    .slice(0, listed)
    .map(({ label, prediction, count }) => [
      nameOf(label),
      nameOf(prediction),
      formatInteger(count),
    ]);
  return foldedTable('confusions', ['True class', 'Predicted as', 'Images'], rows);
}

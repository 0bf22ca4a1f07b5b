import { formatInteger, formatPercent } from '@kd/core/internal';
import { escapeHtml } from '../html.ts';
import type { EvaluationRecord, ResultRecord, Role } from '../runRecord.ts';
import { foldedTable } from './foldedTable.ts';

/** Recall of each class; undefined for one without images. */
export function recallByClass({
  confusion,
}: Pick<EvaluationRecord, 'confusion'>): (number | undefined)[] {
  return confusion.map((counts, label) => {
    const images = counts.reduce((sum, count) => sum + count, 0);
    return images === 0 ? undefined : (counts[label] as number) / images;
  });
}

/** Mean of the recall of all classes that have images. */
export function balancedAccuracy(evaluation: Pick<EvaluationRecord, 'confusion'>): number {
  const known = recallByClass(evaluation).filter((recall) => recall !== undefined);
  return known.reduce((sum, recall) => sum + recall, 0) / known.length;
}

/** Renders the recall of each class by teacher, student alone and distilled student. */
export function recallTable(
  results: readonly ResultRecord[],
  classNames: readonly string[],
  labels: Readonly<Record<Role, string>>,
): string {
  const recalls = results.map(({ test }) => recallByClass(test));
  const [alone, distilled] = (['baseline', 'distilled'] as const).map(
    (role) => recalls[results.findIndex((result) => result.role === role)],
  );
  const format = (value: number | undefined) => (value === undefined ? '–' : formatPercent(value));
  const rows = classNames.map((name, label) => {
    const images = results[0]?.test.confusion[label]?.reduce((sum, count) => sum + count, 0) ?? 0;
    return [
      escapeHtml(name),
      formatInteger(images),
      ...recalls.map((recall) => format(recall[label])),
      formatChange(alone?.[label], distilled?.[label]),
    ];
  });
  const balanced = results.map(({ test }) => balancedAccuracy(test));
  const [, balancedAlone, balancedDistilled] = balanced;
  const all = [
    'Balanced accuracy',
    formatInteger(results[0]?.test.images ?? 0),
    ...balanced.map(format),
    formatChange(balancedAlone, balancedDistilled),
  ];
  const titles = ['Class', 'Test images', ...results.map(({ role }) => labels[role]), 'Change'];
  return foldedTable('recall', titles, [all, ...rows]);
}

/** Formats a difference in points, with its sign. */
function formatChange(alone: number | undefined, distilled: number | undefined): string {
  if (alone === undefined || distilled === undefined) return '–';
  const points = 100 * (distilled - alone);
  return `${points < -0.05 ? '−' : points >= 0.05 ? '+' : ''}${Math.abs(points).toFixed(1)}`;
}

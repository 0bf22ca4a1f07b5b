import type { DataInspectionRecord } from '../dataInspection.ts';
import { describeData } from '../describeData.ts';
import { element, escapeHtml, section } from '../html.ts';
import { dataParts, notices } from './dataParts.ts';
import { renderDocument } from './document.ts';

/**
 * Renders the page of a set of images.
 * @returns HTML: one page that loads nothing else, of 5 MB at most.
 */
export function renderDataPage(record: DataInspectionRecord): string {
  return renderDocument(`${record.source} · images`, [
    element(
      'header',
      {},
      element('p', { class: 'where' }, escapeHtml(`Images · ${record.source}`)),
      element('h1', {}, escapeHtml(describeData(record))),
    ),
    notices(record),
    ...dataParts(record).map(({ title, remark, body }) => section(title, remark, body)),
    element('footer', {}, 'Written by kd inspect.'),
  ]);
}

/** Renders the images of a run as a section of its report; all but the summary unfolds. */
export function dataSection(record: DataInspectionRecord): string {
  const parts = dataParts(record).map(
    ({ title, remark, body }) =>
      element('h3', {}, escapeHtml(title)) +
      element('p', { class: 'remark' }, escapeHtml(remark)) +
      body,
  );
  return section(
    'Data',
    describeData(record),
    notices(record),
    element(
      'details',
      {},
      element('summary', {}, 'Classes, pictures, pixels, duplicates'),
      ...parts,
    ),
  );
}

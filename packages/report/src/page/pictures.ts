import { formatInteger } from '@kd/core/internal';
import type { DataInspectionRecord, PictureRecord } from '../dataInspection.ts';
import { element, escapeHtml } from '../html.ts';

/** Pictures up to this side are enlarged with hard edges. */
const pixelatedSide = 48;

/** Returns the name of a label. */
export function classNameOf({ classNames }: DataInspectionRecord, label: number): string {
  return label < 0 ? 'no label' : (classNames[label] ?? String(label));
}

/** Renders a picture. */
export function picture(record: DataInspectionRecord, image: PictureRecord): string {
  const { png, name, height, width, label } = image;
  const isSmall = Math.max(height, width) <= pixelatedSide;
  const text = `${classNameOf(record, label)}: ${name}`;
  return element('img', {
    ...(isSmall && { class: 'small' }),
    src: png,
    alt: text,
    title: text,
    width,
    height,
    loading: 'lazy',
  });
}

/** Renders the training images of each class as strips. */
export function pictureStrips(record: DataInspectionRecord): string {
  const { pictures, classNames, splits } = record;
  const [train] = splits;
  const labels = [...new Set(pictures.map(({ label }) => label))];
  const strips = labels.map((label) => {
    const count = label < 0 ? train?.unlabelled : train?.classCounts[label];
    const images = pictures.filter((image) => image.label === label);
    return element(
      'div',
      { class: 'strip' },
      element(
        'h3',
        {},
        escapeHtml(classNameOf(record, label)),
        element('small', {}, formatInteger(count ?? 0)),
      ),
      element('div', {}, ...images.map((image) => picture(record, image))),
    );
  });
  const missing = classNames.length - labels.filter((label) => label >= 0).length;
  const note =
    missing > 0
      ? element(
          'p',
          { class: 'remark' },
          `${formatInteger(missing)} of ${formatInteger(classNames.length)} classes are not shown.`,
        )
      : '';
  const size = labels.length > 12 ? 'strips many' : 'strips';
  return element('div', { class: size }, ...strips) + note;
}

/** Renders pairs of images with the same pixels. */
export function picturePairs(record: DataInspectionRecord): string {
  const cards = record.duplicates.pairs.map(({ first, second }) => {
    const isConflict = first.label !== second.label && first.label >= 0 && second.label >= 0;
    const line = ({ split, name, label }: PictureRecord) =>
      element(
        'p',
        {},
        element('b', {}, escapeHtml(`${split}, ${classNameOf(record, label)}`)),
        escapeHtml(name),
      );
    const kind = isConflict
      ? element('em', { class: 'wrong' }, 'two labels')
      : first.split === second.split
        ? ''
        : element('em', { class: 'wrong' }, escapeHtml(`${first.split} and ${second.split}`));
    return element(
      'div',
      { class: 'pair' },
      picture(record, first),
      picture(record, second),
      element('div', {}, kind, line(first), line(second)),
    );
  });
  return element('div', { class: 'pairs' }, ...cards);
}

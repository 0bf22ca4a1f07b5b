import { formatInteger } from '@kd/core/internal';
import type { DataInspectionRecord } from '../dataInspection.ts';
import { element } from '../html.ts';
import { type Axis, type Chart, drawAxes, linearAxis, logarithmicAxis } from './axes.ts';

/** From this ratio of the longest to the shortest side on, axes are logarithmic. */
const wideRatio = 6;

/** Draws the sizes of images: a point for each size, larger and darker the more images have it. */
export function sizesChart({ list }: DataInspectionRecord['sizes']): Chart {
  const axis = (title: string, values: readonly number[]): Axis => {
    const ratio = Math.max(...values) / Math.min(...values);
    return ratio > wideRatio
      ? logarithmicAxis(title, values, formatInteger)
      : linearAxis(title, values, formatInteger, [0, Number.POSITIVE_INFINITY]);
  };
  const x = axis(
    'width in pixels',
    list.map(({ width }) => width),
  );
  const y = axis(
    'height in pixels',
    list.map(({ height }) => height),
  );
  const most = Math.max(...list.map(({ images }) => images));
  const svg = drawAxes(x, y, (position) =>
    // Small points are drawn last, so that large ones do not hide them.
    list
      .map(({ width, height, images }) => {
        const [cx, cy] = position(width, height);
        const share = Math.sqrt(images / most);
        const tip = `${formatInteger(width)} × ${formatInteger(height)}: ${formatInteger(images)}`;
        return element(
          'circle',
          { class: 'data', cx, cy, r: 3 + 6 * share, 'fill-opacity': 0.3 + 0.4 * share },
          element('title', {}, tip),
        );
      })
      .join(''),
  );
  return { title: 'Width and height', svg };
}

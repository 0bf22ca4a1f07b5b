import { element, escapeHtml } from '../html.ts';
import { type Axis, type Chart, drawAxes, type Position } from './axes.ts';

/** A point with an error bar. */
export interface ScatterPoint {
  readonly label: string;
  /** Class of the point: its colour. */
  readonly className: string;
  readonly x: number;
  readonly y: number;
  /** Half the length of the error bar, in units of y. */
  readonly std?: number;
}

/** Points to the right of this get their label at the left. */
const labelsFlipAt = 300;
const labelHeight = 15;
const labelDistance = 11;

/** Draws labelled points. Labels are moved down where they would overlap. */
export function scatterChart(
  title: string,
  points: readonly ScatterPoint[],
  { x, y }: { readonly x: Axis; readonly y: Axis },
): Chart {
  const marks = (position: Position) => {
    const heights = { start: Number.NEGATIVE_INFINITY, end: Number.NEGATIVE_INFINITY };
    return [...points]
      .sort((left, right) => right.y - left.y)
      .map((point) => {
        const [cx, cy] = position(point.x, point.y);
        const side = cx > labelsFlipAt ? 'end' : 'start';
        heights[side] = Math.max(cy, heights[side] + labelHeight);
        const anchor = {
          x: side === 'end' ? cx - labelDistance : cx + labelDistance,
          y: heights[side] + 4,
          'text-anchor': side,
        };
        return (
          element(
            'g',
            { class: point.className },
            errorBar(point, position),
            element('circle', { class: 'point', cx, cy, r: 6 }),
          ) +
          element('text', { class: `label ${point.className}`, ...anchor }, escapeHtml(point.label))
        );
      })
      .join('');
  };
  return { title, svg: drawAxes(x, y, marks) };
}

function errorBar({ x, y, std }: ScatterPoint, position: Position): string {
  if (std === undefined) return '';
  const [x1, y1] = position(x, y - std);
  const [x2, y2] = position(x, y + std);
  return element('line', { class: 'curve', x1, x2, y1, y2 });
}

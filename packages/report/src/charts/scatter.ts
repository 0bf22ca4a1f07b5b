import { escapeHtml } from '../html.ts';
import { type Axis, type Chart, drawAxes, round } from './axes.ts';

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

/** Draws labelled points. */
export function scatterChart(
  title: string,
  points: readonly ScatterPoint[],
  { x, y }: { readonly x: Axis; readonly y: Axis },
): Chart {
  const svg = drawAxes(x, y, (position) => {
    const placed = points
      .map((point) => ({ ...point, at: position(point.x, point.y) }))
      .sort((left, right) => left.at[1] - right.at[1]);
    const taken: (readonly [side: string, height: number])[] = [];
    return placed
      .map(({ label, className, x: valueX, y: valueY, std, at: [atX, atY] }) => {
        const side = atX > labelsFlipAt ? 'end' : 'start';
        const lowest = Math.max(
          ...taken.flatMap(([other, height]) => (other === side ? [height] : [])),
          Number.NEGATIVE_INFINITY,
        );
        const height = Math.max(atY, lowest + labelHeight);
        taken.push([side, height]);
        const bar =
          std === undefined
            ? ''
            : `<line class="curve" x1="${round(atX)}" x2="${round(atX)}" y1="${round(position(valueX, valueY - std)[1])}" y2="${round(position(valueX, valueY + std)[1])}"/>`;
        const text = `<text class="label ${className}" x="${round(atX + (side === 'end' ? -11 : 11))}" y="${round(height) + 4}" text-anchor="${side}">${escapeHtml(label)}</text>`;
        return `<g class="${className}">${bar}<circle class="point" cx="${round(atX)}" cy="${round(atY)}" r="6"/></g>${text}`;
      })
      .join('');
  });
  return { title, svg };
}

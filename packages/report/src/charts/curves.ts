import { element, escapeHtml } from '../html.ts';
import { type Chart, drawAxes, linearAxis, type Position, roundTicks } from './axes.ts';

/** A line over the epochs of a training. */
export interface Curve {
  readonly label: string;
  /** Class of the line: its colour. Of several curves of one class only the first is labelled. */
  readonly className: string;
  /** A value for each epoch, from 1. */
  readonly values: readonly number[];
}

export interface CurvesOptions {
  readonly title: string;
  /** Title of the vertical axis. */
  readonly axis: string;
  readonly format: (value: number) => string;
  /** Limits of the vertical axis. */
  readonly bounds: readonly [number, number];
}

const labelHeight = 15;
const labelWidth = 118;

/** Draws values by epoch. Further curves of a class are drawn paler than its first. */
export function curvesChart(
  curves: readonly Curve[],
  { title, axis, format, bounds }: CurvesOptions,
): Chart {
  const drawn = curves.filter(({ values }) => values.length > 0);
  if (drawn.length === 0) return { title, svg: '<p>No epoch was finished.</p>' };
  const epochs = Math.max(2, ...drawn.map(({ values }) => values.length));
  const ticks = roundTicks(1, epochs, 8).filter(Number.isInteger);
  const x = {
    title: 'epoch',
    from: 1,
    to: epochs,
    ticks: ticks.includes(1) ? ticks : [1, ...ticks],
    format: String,
  };
  const y = linearAxis(
    axis,
    drawn.flatMap(({ values }) => values),
    format,
    bounds,
  );
  const firsts = drawn.filter(
    (curve) => drawn.find(({ className }) => className === curve.className) === curve,
  );
  const marks = (position: Position) =>
    drawn.map((curve) => line(curve, position, firsts.includes(curve))).join('') +
    labels(firsts, position);
  return { title, svg: drawAxes(x, y, marks, labelWidth) };
}

function line({ label, className, values }: Curve, position: Position, isFirst: boolean): string {
  const points = values.map((value, index) => position(index + 1, value));
  const path = points.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join('L');
  const dots = points.map(([cx, cy], index) => {
    const tip = `${label}, epoch ${index + 1}: ${(values[index] as number).toFixed(4)}`;
    return element('circle', { cx, cy, r: 2.4 }, element('title', {}, escapeHtml(tip)));
  });
  return element(
    'g',
    { class: isFirst ? className : `${className} further` },
    element('path', { class: 'curve', d: `M${path}` }),
    ...dots,
  );
}

/** Labels the curves at their ends, moved apart where they would overlap. */
function labels(curves: readonly Curve[], position: Position): string {
  const ends = curves
    .map(({ label, className, values }) => ({
      label,
      className,
      end: position(values.length, values.at(-1) as number),
    }))
    .sort((left, right) => left.end[1] - right.end[1]);
  const heights: number[] = [];
  for (const { end } of ends)
    heights.push(Math.max(end[1], (heights.at(-1) ?? Number.NEGATIVE_INFINITY) + labelHeight));
  return ends
    .map(({ label, className, end: [x] }, index) => {
      const anchor = { x: x + 7, y: (heights[index] as number) + 4 };
      return element('text', { class: `label ${className}`, ...anchor }, escapeHtml(label));
    })
    .join('');
}

/**
 * Drawings in SVG, written by hand: a report needs four kinds of them, without scripts and without
 * a DOM, which chart libraries bring in megabytes. Colours and strokes come from the stylesheet of
 * the page.
 */
import { element, escapeHtml } from '../html.ts';

/** A drawing with its caption. */
export interface Chart {
  readonly title: string;
  /** An `<svg>` element. */
  readonly svg: string;
  /** Class of the caption: the role whose colour it has. */
  readonly className?: string;
}

/** A direction of a drawing, from values to pixels. */
export interface Axis {
  readonly title: string;
  readonly from: number;
  readonly to: number;
  readonly logarithmic?: boolean;
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
}

/** Returns the position in pixels of the values (x, y). */
export type Position = (x: number, y: number) => readonly [number, number];

type Attributes = Readonly<Record<string, string | number>>;

const size = { width: 480, height: 300, left: 46, right: 14, top: 26, bottom: 40 };

/**
 * Draws axes with ticks and a grid.
 * @param marks - Returns the markup between the axes.
 * @param right - Room for labels at the right, in pixels.
 * @returns An `<svg>` element.
 */
export function drawAxes(
  x: Axis,
  y: Axis,
  marks: (position: Position) => string,
  right = size.right,
): string {
  const { width, height, left, top, bottom } = size;
  const position: Position = (valueX, valueY) => [
    left + fraction(x, valueX) * (width - left - right),
    height - bottom - fraction(y, valueY) * (height - top - bottom),
  ];
  const text = (className: string, at: Attributes, content: string) =>
    element('text', { class: className, ...at }, escapeHtml(content));
  const ticksX = x.ticks.map((tick) => {
    const [at] = position(tick, y.from);
    const anchor = { x: at, y: height - bottom + 16, 'text-anchor': 'middle' };
    return text('tick', anchor, x.format(tick));
  });
  const ticksY = y.ticks.map((tick) => {
    const [, at] = position(x.from, tick);
    const anchor = { x: left - 7, y: at + 3.5, 'text-anchor': 'end' };
    const ends = { x1: left, x2: width - right, y1: at, y2: at };
    return element('line', { class: 'grid', ...ends }) + text('tick', anchor, y.format(tick));
  });
  const titleX = { x: width - right, y: height - 6, 'text-anchor': 'end' };
  return element(
    'svg',
    {
      viewBox: `0 0 ${width} ${height}`,
      role: 'img',
      'aria-label': `${y.title} by ${x.title}`,
    },
    ...ticksY,
    ...ticksX,
    text('axis', titleX, x.title),
    text('axis', { x: 4, y: 12 }, y.title),
    marks(position),
  );
}

/** Returns round numbers between two values. @param about - Roughly how many. */
export function roundTicks(from: number, to: number, about: number): number[] {
  return multiples(from, to, roundStep(from, to, about));
}

/**
 * Makes a linear axis around values, with some margin, whose ends are ticks.
 * @param bounds - Limits of the axis.
 */
export function linearAxis(
  title: string,
  values: readonly number[],
  format: (value: number) => string,
  bounds: readonly [number, number],
): Axis {
  const least = Math.min(...values);
  const most = Math.max(...values);
  const margin = Math.max((most - least) * 0.05, Math.abs(most) * 0.005, 1e-6);
  const step = roundStep(least - margin, most + margin, 5);
  const from = Math.max(bounds[0], Math.floor((least - margin) / step) * step);
  const to = Math.min(bounds[1], Math.ceil((most + margin) / step) * step);
  return { title, from, to, ticks: multiples(from, to, step), format };
}

/**
 * Makes a logarithmic axis from half the least to twice the largest value, with ticks at 1, 2 and 5
 * times powers of ten.
 */
export function logarithmicAxis(
  title: string,
  values: readonly number[],
  format: (value: number) => string,
): Axis {
  const from = Math.min(...values) / 2;
  const to = Math.max(...values) * 2;
  const ticks = Array.from({ length: 19 }, (_, power) => 10 ** power)
    .flatMap((power) => [power, 2 * power, 5 * power])
    .filter((tick) => tick >= from && tick <= to);
  const isWide = to / from > 60;
  return {
    title,
    from,
    to,
    logarithmic: true,
    ticks: isWide ? ticks.filter((tick) => Number.isInteger(Math.log10(tick))) : ticks,
    format: (tick) => format(tick).replace('.00', '').replace('.0', ''),
  };
}

/** Returns a step of 1, 2 or 5 times a power of ten. */
function roundStep(from: number, to: number, about: number): number {
  const rough = Math.max((to - from) / about, Number.EPSILON);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5].map((factor) => factor * power).find((step) => step >= rough) ?? 10 * power;
}

function multiples(from: number, to: number, step: number): number[] {
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

function fraction({ from, to, logarithmic }: Axis, value: number): number {
  return logarithmic ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
}

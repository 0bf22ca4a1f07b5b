import { escaped } from '../html.ts';

/** A direction of a drawing: from values to pixels. */
export interface Axis {
  readonly title: string;
  readonly from: number;
  readonly to: number;
  readonly logarithmic?: boolean;
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
}

/** Where in a drawing the values (x, y) are. */
export type Place = (x: number, y: number) => readonly [number, number];

const size = { width: 480, height: 300, left: 46, right: 14, top: 26, bottom: 40 };

/**
 * A drawing with axes. @param marks What is drawn between them, given where values are. @param
 * right Room at the right for labels, in pixels.
 */
export function chart(
  x: Axis,
  y: Axis,
  marks: (place: Place) => string,
  right = size.right,
): string {
  const { width, height, left, top, bottom } = size;
  const place: Place = (atX, atY) => [
    left + share(x, atX) * (width - left - right),
    height - bottom - share(y, atY) * (height - top - bottom),
  ];
  const columns = x.ticks.map((tick) => {
    const [at] = place(tick, y.from);
    return `<text class="tick" x="${round(at)}" y="${height - bottom + 16}" text-anchor="middle">${escaped(x.format(tick))}</text>`;
  });
  const rows = y.ticks.map((tick) => {
    const at = round(place(x.from, tick)[1]);
    const line = `<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>`;
    return `${line}<text class="tick" x="${left - 7}" y="${at + 3.5}" text-anchor="end">${escaped(y.format(tick))}</text>`;
  });
  const titles =
    `<text class="axis" x="${width - right}" y="${height - 6}" text-anchor="end">${escaped(x.title)}</text>` +
    `<text class="axis" x="4" y="12">${escaped(y.title)}</text>`;
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${rows.join('')}${columns.join('')}${titles}${marks(place)}</svg>`;
}

/** Round numbers that span some values. @param wanted About how many. */
export function ticks(from: number, to: number, wanted: number): number[] {
  return multiples(from, to, roundStep(from, to, wanted));
}

/**
 * An axis through these values with some air, its ends on ticks. @param bounds The axis never
 * leaves them.
 */
export function axisOf(
  title: string,
  values: readonly number[],
  format: (value: number) => string,
  bounds: readonly [number, number],
): Axis {
  const least = Math.min(...values);
  const most = Math.max(...values);
  const air = Math.max((most - least) * 0.05, Math.abs(most) * 0.005, 1e-6);
  const step = roundStep(least - air, most + air, 5);
  const from = Math.max(bounds[0], Math.floor((least - air) / step) * step);
  const to = Math.min(bounds[1], Math.ceil((most + air) / step) * step);
  return { title, from, to, ticks: multiples(from, to, step), format };
}

/** 1, 2 or 5 times a power of ten. */
function roundStep(from: number, to: number, wanted: number): number {
  const rough = Math.max((to - from) / wanted, Number.EPSILON);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5].map((factor) => factor * power).find((step) => step >= rough) ?? 10 * power;
}

function multiples(from: number, to: number, step: number): number[] {
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, at) =>
    Number(((first + at) * step).toPrecision(12)),
  );
}

/** Two digits after the point are enough for a screen. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function share({ from, to, logarithmic }: Axis, value: number): number {
  return logarithmic ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
}

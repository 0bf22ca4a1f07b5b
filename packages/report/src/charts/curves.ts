import { percent } from '../format.ts';
import { type Actor, type RunRecord, stageName } from '../runRecord.ts';
import { actorTitles } from '../table.ts';
import { axisOf, chart, type Place, round, ticks } from './axes.ts';

interface Curve {
  readonly actor: Actor;
  /** By epoch, from 1. */
  readonly values: readonly number[];
}

const labelHeight = 15;

/** Accuracy on the held-out pictures after every epoch. */
export function accuracyCurves(record: RunRecord): string {
  return draw(
    'held-out accuracy',
    curvesOf(record, ({ top1 }) => top1),
    (value) => percent(value, 0),
    [0, 1],
  );
}

/** Cross entropy with the labels on the held-out pictures, whatever was minimised. */
export function lossCurves(record: RunRecord): string {
  return draw(
    'held-out cross entropy, nats',
    curvesOf(record, ({ loss }) => loss),
    (value) => String(value),
    [0, Number.POSITIVE_INFINITY],
  );
}

function curvesOf(
  record: RunRecord,
  value: (held: { readonly top1: number; readonly loss: number }) => number,
): Curve[] {
  const stages = [
    { actor: 'teacher', name: stageName('teacher', 0) } as const,
    ...(['alone', 'distilled'] as const).flatMap((actor) =>
      record.config.seeds.map((seed) => ({ actor, name: stageName(actor, seed) })),
    ),
  ];
  const held = (name: string) =>
    (record.trainings[name]?.epochs ?? []).flatMap(({ validation }) =>
      validation === undefined ? [] : [value(validation)],
    );
  return stages
    .map(({ actor, name }) => ({ actor, values: held(name) }))
    .filter(({ values }) => values.length > 0);
}

function draw(
  title: string,
  curves: readonly Curve[],
  format: (value: number) => string,
  bounds: readonly [number, number],
): string {
  if (curves.length === 0) return '<p>No epoch was finished.</p>';
  const epochs = Math.max(...curves.map(({ values }) => values.length));
  const wholes = ticks(1, Math.max(2, epochs), 8).filter(Number.isInteger);
  const x = {
    title: 'epoch',
    from: 1,
    to: Math.max(2, epochs),
    ticks: wholes.includes(1) ? wholes : [1, ...wholes],
    format: String,
  };
  const all = curves.flatMap(({ values }) => values);
  const y = axisOf(title, all, format, bounds);
  return chart(
    x,
    y,
    (place) =>
      curves.map((curve) => line(curve, place, isFirst(curve, curves))).join('') +
      labels(curves, place),
    108,
  );
}

/** Curves of further seeds step back. */
function line({ actor, values }: Curve, place: Place, first: boolean): string {
  const points = values.map((value, at) => place(at + 1, value));
  const path = points
    .map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`)
    .join('');
  const dot = ([x, y]: readonly [number, number], at: number) =>
    `<circle cx="${round(x)}" cy="${round(y)}" r="2.4"><title>${actorTitles[actor]}, epoch ${at + 1}: ${(values[at] as number).toFixed(4)}</title></circle>`;
  return `<g class="${actor}${first ? '' : ' further'}"><path class="curve" d="${path}"/>${points.map(dot).join('')}</g>`;
}

/** One label an actor at the end of its first curve, pushed apart where they would touch. */
function labels(curves: readonly Curve[], place: Place): string {
  const firsts = curves.filter((curve) => isFirst(curve, curves));
  const ends = firsts.map(({ actor, values }) => ({
    actor,
    at: place(values.length, values.at(-1) as number),
  }));
  const sorted = [...ends].sort((left, right) => left.at[1] - right.at[1]);
  const heights: number[] = [];
  for (const { at } of sorted)
    heights.push(Math.max(at[1], (heights.at(-1) ?? Number.NEGATIVE_INFINITY) + labelHeight));
  const text = ({ actor, at }: (typeof ends)[number], order: number) =>
    `<text class="label ${actor}" x="${round(at[0]) + 7}" y="${round(heights[order] as number) + 4}">${actorTitles[actor]}</text>`;
  return sorted.map(text).join('');
}

function isFirst(curve: Curve, curves: readonly Curve[]): boolean {
  return curves.find(({ actor }) => actor === curve.actor) === curve;
}

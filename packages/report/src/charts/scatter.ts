import { bytes, grouped, percent, percentSpread } from '../format.ts';
import type { ActorSummary, Summary } from '../summary.ts';
import { actorTitles } from '../table.ts';
import { type Axis, axisOf, chart, round } from './axes.ts';

/** Test accuracy against bytes of weights. */
export function accuracyBySize(summary: Summary): string {
  return draw(
    summary,
    logarithmic(
      'bytes of weights, fewer is better',
      summary.actors.map((actor) => actor.bytes),
      bytes,
    ),
    (actor) => actor.bytes,
  );
}

/** Test accuracy against images a second. */
export function accuracyBySpeed(summary: Summary): string {
  const speed = (actor: ActorSummary) => actor.imagesPerSecond;
  return draw(
    summary,
    logarithmic('images / s in evaluation, more is better', summary.actors.map(speed), grouped),
    speed,
  );
}

function draw({ actors }: Summary, x: Axis, value: (actor: ActorSummary) => number): string {
  const reach = actors.flatMap(({ accuracy: { mean, deviation = 0 } }) => [
    mean - deviation,
    mean + deviation,
  ]);
  const y = axisOf(
    'test accuracy',
    reach,
    (tick) => percent(tick, tick * 100 === Math.round(tick * 100) ? 0 : 1),
    [0, 1],
  );
  return chart(x, y, (place) =>
    actors
      .map((actor) => {
        const [atX, atY] = place(value(actor), actor.accuracy.mean);
        const { mean, deviation } = actor.accuracy;
        const spread =
          deviation === undefined
            ? ''
            : bar(
                atX,
                place(value(actor), mean - deviation)[1],
                place(value(actor), mean + deviation)[1],
              );
        const left = atX > 300;
        const text = `<text class="label ${actor.actor}" x="${round(atX + (left ? -11 : 11))}" y="${round(atY) + (actor.actor === 'alone' ? 12 : 0)}" text-anchor="${left ? 'end' : 'start'}">${actorTitles[actor.actor]} ${percentSpread(actor.accuracy)}</text>`;
        return `<g class="${actor.actor}">${spread}<circle class="point" cx="${round(atX)}" cy="${round(atY)}" r="6"/></g>${text}`;
      })
      .join(''),
  );
}

function bar(x: number, low: number, high: number): string {
  return `<line class="curve" x1="${round(x)}" x2="${round(x)}" y1="${round(low)}" y2="${round(high)}"/>`;
}

/** From half the least to twice the most, ticks at 1, 2 and 5 times powers of ten. */
function logarithmic(
  title: string,
  values: readonly number[],
  format: (value: number) => string,
): Axis {
  const from = Math.min(...values) / 2;
  const to = Math.max(...values) * 2;
  const powers = Array.from({ length: 19 }, (_, power) => 10 ** power);
  const all = powers
    .flatMap((power) => [power, 2 * power, 5 * power])
    .filter((tick) => tick >= from && tick <= to);
  const wide = to / from > 60;
  return {
    title,
    from,
    to,
    logarithmic: true,
    ticks: wide ? all.filter((tick) => Number.isInteger(Math.log10(tick))) : all,
    format: (tick) => format(tick).replace('.00', '').replace('.0', ''),
  };
}

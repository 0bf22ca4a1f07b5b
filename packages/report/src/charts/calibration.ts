import { argmax, softmax } from '../probabilities.ts';
import type { Actor } from '../runRecord.ts';
import { chart, round } from './axes.ts';

const bins = 10;

/**
 * How often an answer given with some confidence is right: on the diagonal, confidence can be
 * believed. @param logits [pictures × classes].
 */
export function reliability(actor: Actor, logits: Float32Array, labels: ArrayLike<number>): string {
  const counts = new Float64Array(bins);
  const right = new Float64Array(bins);
  const classes = logits.length / labels.length;
  for (let at = 0; at < labels.length; at++) {
    const probabilities = softmax(logits.subarray(at * classes, (at + 1) * classes), 1);
    const answer = argmax(probabilities);
    const bin = Math.min(bins - 1, Math.floor((probabilities[answer] as number) * bins));
    counts[bin] = (counts[bin] as number) + 1;
    if (answer === labels[at]) right[bin] = (right[bin] as number) + 1;
  }
  const fifths = {
    from: 0,
    to: 1,
    ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
    format: (tick: number) => `${Math.round(100 * tick)} %`,
  };
  return chart({ ...fifths, title: 'confidence' }, { ...fifths, title: 'right' }, (place) => {
    const bar = (bin: number) => {
      const share = (right[bin] as number) / (counts[bin] as number);
      const [x0, y] = place(bin / bins, share);
      const [x1, base] = place((bin + 1) / bins, 0);
      const title = `${bin * 10}–${bin * 10 + 10} % sure: ${right[bin]} of ${counts[bin]} right (${(100 * share).toFixed(1)} %)`;
      const weight = round(0.25 + 0.6 * Math.sqrt((counts[bin] as number) / labels.length));
      return `<rect class="cell" x="${round(x0) + 1}" y="${round(y)}" width="${round(x1 - x0) - 2}" height="${round(base - y)}" rx="2" fill-opacity="${weight}"><title>${title}</title></rect>`;
    };
    const [startX, startY] = place(0, 0);
    const [endX, endY] = place(1, 1);
    const diagonal = `<line class="ideal" x1="${startX}" y1="${startY}" x2="${endX}" y2="${endY}"/>`;
    const drawn = Array.from({ length: bins }, (_, bin) => bin).filter(
      (bin) => (counts[bin] as number) > 0,
    );
    return `<g class="${actor}">${drawn.map(bar).join('')}</g>${diagonal}`;
  });
}

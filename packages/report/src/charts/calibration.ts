import { formatPercent } from '@kd/core/internal';
import { element } from '../html.ts';
import { argmax, softmax } from '../predictions.ts';
import { type Chart, drawAxes, type Position } from './axes.ts';

const bins = 10;

/**
 * Draws a reliability diagram: the accuracy of predictions by their confidence. On the diagonal the
 * two agree; below it the network is overconfident.
 * @param logits - [images × classes], before softmax.
 */
export function calibrationChart(
  { title, className }: { readonly title: string; readonly className: string },
  logits: Float32Array,
  labels: ArrayLike<number>,
): Chart {
  const { counts, correct } = countByConfidence(logits, labels);
  const fifths = {
    from: 0,
    to: 1,
    ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
    format: (tick: number) => `${Math.round(100 * tick)} %`,
  };
  const bar = (bin: number, position: Position) => {
    const count = counts[bin] as number;
    if (count === 0) return '';
    const accuracy = (correct[bin] as number) / count;
    const [start, y] = position(bin / bins, accuracy);
    const [end, base] = position((bin + 1) / bins, 0);
    const range = `confidence ${bin * 10}–${bin * 10 + 10} %`;
    const tip = `${range}: ${correct[bin]} of ${count} correct (${formatPercent(accuracy)})`;
    const box = { x: start + 1, y, width: end - start - 2, height: base - y, rx: 2 };
    const opacity = 0.25 + 0.6 * Math.sqrt(count / labels.length);
    return element(
      'rect',
      { class: 'cell', ...box, 'fill-opacity': opacity },
      element('title', {}, tip),
    );
  };
  const marks = (position: Position) => {
    const bars = Array.from({ length: bins }, (_, bin) => bar(bin, position));
    const [[x1, y1], [x2, y2]] = [position(0, 0), position(1, 1)];
    return (
      element('g', { class: className }, ...bars) +
      element('line', { class: 'ideal', x1, y1, x2, y2 })
    );
  };
  const axes = [
    { ...fifths, title: 'confidence' },
    { ...fifths, title: 'accuracy' },
  ] as const;
  return { title, className, svg: drawAxes(...axes, marks) };
}

function countByConfidence(logits: Float32Array, labels: ArrayLike<number>) {
  const counts = Array.from({ length: bins }, () => 0);
  const correct = Array.from({ length: bins }, () => 0);
  const classes = logits.length / labels.length;
  for (let image = 0; image < labels.length; image++) {
    const probabilities = softmax(logits.subarray(image * classes, (image + 1) * classes), 1);
    const prediction = argmax(probabilities);
    const bin = Math.min(bins - 1, Math.floor((probabilities[prediction] as number) * bins));
    counts[bin] = (counts[bin] as number) + 1;
    if (prediction === labels[image]) correct[bin] = (correct[bin] as number) + 1;
  }
  return { counts, correct };
}

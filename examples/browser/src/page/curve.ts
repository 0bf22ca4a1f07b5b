import type { TeachingProgress } from '../model/teach.ts';
import { find, formatPercent } from './elements.ts';

const [width, height] = [320, 120];
const margin = { left: 30, right: 42, top: 8, bottom: 18 };

/** A point of the student's part. */
type Point = Pick<TeachingProgress, 'epoch' | 'epochs' | 'loss' | 'accuracy'>;

/** Draws loss and accuracy of the student, epoch by epoch. @param points At least one. */
export function drawCurve(points: readonly Point[]): void {
  const first = points[0] as Point;
  const last = points[points.length - 1] as Point;
  const top = Math.max(...points.map(({ loss }) => loss), 0.1);
  const x = ({ epoch }: Point) =>
    margin.left + (epoch / first.epochs) * (width - margin.left - margin.right);
  const y = (share: number) =>
    height - margin.bottom - share * (height - margin.top - margin.bottom);
  const line = (share: (point: Point) => number) =>
    points.map((point) => `${x(point).toFixed(1)},${y(share(point)).toFixed(1)}`).join(' ');
  const svg = find('curve', SVGSVGElement);
  const title = document.createElementNS(svg.namespaceURI, 'title');
  title.id = 'curve-title';
  title.textContent = `After ${last.epoch} of ${last.epochs} rounds: loss ${last.loss.toFixed(2)}, ${formatPercent(last.accuracy)} named correctly; before the first: loss ${first.loss.toFixed(2)}, ${formatPercent(first.accuracy)}.`;
  svg.replaceChildren(
    title,
    ...[0, 0.5, 1].map((share) =>
      shape('line', {
        class: 'grid',
        x1: margin.left,
        x2: width - margin.right,
        y1: y(share),
        y2: y(share),
      }),
    ),
    text(top.toFixed(1), margin.left - 4, y(1) + 4, 'end'),
    text('0', margin.left - 4, y(0) + 4, 'end'),
    text('100 %', width - margin.right + 4, y(1) + 4, 'start'),
    text('0 %', width - margin.right + 4, y(0) + 4, 'start'),
    text(`round ${last.epoch} of ${last.epochs}`, width / 2, height - 4, 'middle'),
    shape('polyline', { class: 'loss', points: line(({ loss }) => loss / top) }),
    shape('polyline', { class: 'accuracy', points: line(({ accuracy }) => accuracy) }),
  );
}

function shape(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name) as SVGElement;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

function text(content: string, x: number, y: number, anchor: string): SVGElement {
  const element = shape('text', { x, y, 'text-anchor': anchor });
  element.textContent = content;
  return element;
}

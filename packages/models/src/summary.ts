import type { LayerSummary, Network } from '@kd/core';
import { observeLayers, total } from './countOperations.ts';

/**
 * The network as a table of text: one line a layer with output shape, parameters and FLOPs, then
 * the totals. Layers that neither have weights nor
 * change the shape (ReLU, sums) are not listed.
 * @param imageShape [height, width, channels].
 */
export function summary(network: Network, imageShape: readonly [number, number, number]): string {
  const reports = observeLayers(network, imageShape);
  const { parameters, bytes, macs: multiplyAdds, flops } = total(network, reports);
  const rows =
    reports.length > 0
      ? reports.map(rowOf)
      : [['(reports no layers)', '', '', whole(parameters), 'unknown']];
  return [
    `${network.name ?? 'network'}, images ${shape(imageShape)}, preparation: ${network.preprocessing ?? 'unknown'}`,
    ...table([
      ['layer', 'kind', 'output', 'parameters', 'FLOPs'],
      ...rows,
      ['total', '', '', whole(parameters), whole(flops)],
    ]),
    `${whole(parameters)} parameters, ${whole(bytes)} bytes as float32 (running averages included), ${whole(multiplyAdds)} multiply-adds an image.`,
    Number.isNaN(flops)
      ? 'FLOPs unknown: a layer tells no multiply-adds; report them through mode.observe.'
      : 'FLOPs = 2 × multiply-adds of convolutions and matrix products, for one image.',
  ].join('\n');
}

function rowOf({
  name,
  kind,
  outputShape,
  parameters,
  macs: multiplyAdds,
}: LayerSummary): string[] {
  return [name, kind, shape(outputShape), whole(parameters), whole(2 * multiplyAdds)];
}

/** Words to the left, the last two columns, numbers, to the right. */
function table(rows: readonly string[][]): string[] {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const aligned = (cell: string, column: number) =>
    column >= columns - 2 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return rows.map((row) => row.map(aligned).join('  '));
}

function shape(sides: readonly number[]): string {
  return sides.map((side) => (Number.isNaN(side) ? '?' : side)).join(' × ');
}

function whole(count: number): string {
  return Number.isNaN(count) ? 'unknown' : count.toLocaleString('en-US');
}

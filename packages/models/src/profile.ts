import { ensure, type LayerSummary, type Network } from '@kd/core';
import { tidy, zeros } from '@tensorflow/tfjs-core';
import { countTrainable } from './layers/layer.ts';

/** Size and cost of a network. */
export interface NetworkProfile {
  /** Values that training can change; running averages of batch norm are not among them. */
  readonly parameters: number;
  /** Size of all weights as float32, running averages included. */
  readonly bytes: number;
  /**
   * Multiply-adds for one image, of convolutions and matrix products; NaN if a layer does not
   * report its own.
   */
  readonly macs: number;
  /** 2 × macs. */
  readonly flops: number;
}

/**
 * Counts parameters and multiply-adds in one forward pass of one black image, in which the layers
 * report themselves to `ForwardOptions.onLayer`. A custom network that calls it for its layers is
 * counted alike; one that reports no layer has its trainable variables as parameters and unknown
 * multiply-adds: NaN.
 * @param imageShape [height, width, channels].
 */
export function profile(
  network: Network,
  imageShape: readonly [number, number, number],
): NetworkProfile {
  return profileOf(network, layerSummaries(network, imageShape));
}

/**
 * The network as a table of text: one line per layer with output shape, parameters and FLOPs, then
 * the totals. Layers that neither have weights nor change the shape (ReLU, sums) are not listed.
 * @param imageShape [height, width, channels].
 */
export function summary(network: Network, imageShape: readonly [number, number, number]): string {
  const layers = layerSummaries(network, imageShape);
  const { parameters, bytes, macs, flops } = profileOf(network, layers);
  const rows =
    layers.length > 0
      ? layers.map(tableRow)
      : [['(reports no layers)', '', '', formatCount(parameters), 'unknown']];
  return [
    `${network.name ?? 'network'}, images ${formatShape(imageShape)}, preprocessing: ${network.preprocessing ?? 'unknown'}`,
    ...alignColumns([
      ['layer', 'kind', 'output', 'parameters', 'FLOPs'],
      ...rows,
      ['total', '', '', formatCount(parameters), formatCount(flops)],
    ]),
    `${formatCount(parameters)} parameters, ${formatCount(bytes)} bytes as float32 (running averages included), ${formatCount(macs)} multiply-adds an image.`,
    Number.isNaN(flops)
      ? 'FLOPs unknown: a layer reports no multiply-adds; report them through mode.onLayer.'
      : 'FLOPs = 2 × multiply-adds of convolutions and matrix products, for one image.',
  ].join('\n');
}

/** The summaries of all layers, in the order in which they run; the network is unchanged. */
function layerSummaries(
  network: Network,
  imageShape: readonly [number, number, number],
): LayerSummary[] {
  ensure(
    imageShape.length === 3 && imageShape.every((side) => Number.isInteger(side) && side >= 1),
    'summary',
    'imageShape [height, width, channels]',
    imageShape,
  );
  const layers: LayerSummary[] = [];
  tidy(() => {
    const { logits } = network.forward(zeros([1, ...imageShape]), {
      training: false,
      onLayer: (layer) => layers.push(layer),
    });
    return logits.shape;
  });
  return layers;
}

function profileOf(network: Network, layers: readonly LayerSummary[]): NetworkProfile {
  const hasLayers = layers.length > 0;
  const parameters = hasLayers
    ? layers.reduce((sum, layer) => sum + layer.parameters, 0)
    : countTrainable(network.weights);
  const macs = hasLayers ? layers.reduce((sum, layer) => sum + layer.macs, 0) : Number.NaN;
  const bytes = Object.values(network.weights).reduce((sum, weight) => sum + 4 * weight.size, 0);
  return { parameters, bytes, macs, flops: 2 * macs };
}

function tableRow({ name, kind, outputShape, parameters, macs }: LayerSummary): string[] {
  return [name, kind, formatShape(outputShape), formatCount(parameters), formatCount(2 * macs)];
}

/** Aligns words to the left and the last two columns, which are numbers, to the right. */
function alignColumns(rows: readonly string[][]): string[] {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const aligned = (cell: string, column: number) =>
    column >= columns - 2 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return rows.map((row) => row.map(aligned).join('  '));
}

function formatShape(sides: readonly number[]): string {
  return sides.map((side) => (Number.isNaN(side) ? '?' : side)).join(' × ');
}

function formatCount(count: number): string {
  return Number.isNaN(count) ? 'unknown' : count.toLocaleString('en-US');
}

import type { LayerSummary } from '@kd/core';
import type { layers, SymbolicTensor } from '@tensorflow/tfjs-layers';

type KerasLayer = InstanceType<typeof layers.Layer>;

/**
 * Tells an observer of a layer of TF.js, where it has weights or changes the shape. Sides that the
 * model leaves open are NaN.
 */
export function reportKerasLayer(layer: KerasLayer, observe: (report: LayerSummary) => void): void {
  const kind = layer.getClassName();
  const outputShape = sidesOf(layer.output).slice(1);
  const sizes = layer.weights
    .filter(({ originalName }) => !/moving_(mean|variance)$/.test(originalName))
    .map(({ shape }) => product(shape));
  const kernels = layer.weights
    .filter(({ originalName }) => originalName.endsWith('kernel'))
    .map(({ shape }) => product(shape));
  const changesShape = outputShape.join() !== sidesOf(layer.input).slice(1).join();
  if (layer.weights.length === 0 && (kind === 'InputLayer' || !changesShape)) return;
  const parameters = sum(sizes);
  observe({
    name: layer.name,
    kind,
    outputShape,
    parameters,
    macs: multiplyAdds(layer, kind, outputShape, sum(kernels)),
  });
}

/** Every number of a kernel meets every place of the map it makes once. */
function multiplyAdds(
  layer: KerasLayer,
  kind: string,
  outputShape: readonly number[],
  kernel: number,
): number {
  switch (kind) {
    case 'Conv1D':
    case 'Conv2D':
    case 'Conv3D':
    case 'DepthwiseConv2D':
    case 'SeparableConv2D':
    case 'Dense':
      return kernel * product(outputShape.slice(0, -1));
    case 'Conv2DTranspose':
      return kernel * product(sidesOf(layer.input).slice(1, -1));
    case 'BatchNormalization':
    case 'LayerNormalization':
    case 'PReLU':
      return 0;
    default:
      return layer.weights.length === 0 ? 0 : Number.NaN;
  }
}

/** Of the first where there are several. */
function sidesOf(tensors: SymbolicTensor | SymbolicTensor[]): number[] {
  const { shape } = [tensors].flat()[0] as SymbolicTensor;
  return shape.map((side) => side ?? Number.NaN);
}

function product(sides: readonly (number | null)[]): number {
  return sides.reduce<number>((all, side) => all * (side ?? Number.NaN), 1);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

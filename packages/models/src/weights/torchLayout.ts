import { permuted } from './permuted.ts';

type Values = Float32Array<ArrayBuffer>;

/** How PyTorch keeps a weight of ours. */
export interface TorchLayout {
  /** The layer it belongs to, in our words: `stage1.block0.conv1`. */
  readonly layer: string;
  /** What PyTorch calls it within the layer: `weight`, `running_mean`. */
  readonly part: string;
  /** In PyTorch's order of axes. */
  readonly shape: readonly number[];
  /** From PyTorch's order of numbers to ours. */
  toOurs(values: Values): Values;
  /** From our order of numbers to PyTorch's. */
  toTheirs(values: Values): Values;
}

const parts: Readonly<Record<string, string>> = {
  kernel: 'weight',
  depthwiseKernel: 'weight',
  scale: 'weight',
  offset: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
};

/**
 * Kernels of convolutions [height, width, in, out] are OIHW there, those of dense layers [in, out]
 * are [out, in], and depthwise ones
 * [height, width, channels, times] are [channels · times, 1, height, width]; all else is as it is.
 * @param name Of a weight of ours: layer, dot, part. @param shape Ours.
 */
export function torchLayout(name: string, shape: readonly number[]): TorchLayout {
  const dot = name.lastIndexOf('.');
  const own = name.slice(dot + 1);
  const common = { layer: name.slice(0, Math.max(dot, 0)), part: parts[own] ?? own };
  const [first = 1, second = 1, third = 1, fourth = 1] = shape;
  if (own === 'kernel' && shape.length === 4)
    return { ...common, shape: [fourth, third, first, second], ...moves(shape, [3, 2, 0, 1]) };
  if (own === 'kernel' && shape.length === 2)
    return { ...common, shape: [second, first], ...moves(shape, [1, 0]) };
  if (own === 'depthwiseKernel')
    return { ...common, shape: [third * fourth, 1, first, second], ...moves(shape, [2, 3, 0, 1]) };
  return { ...common, shape, ...moves(shape, [...shape.keys()]) };
}

/** @param axes Axis a of theirs is axis `axes[a]` of ours. */
function moves(
  ours: readonly number[],
  axes: readonly number[],
): Pick<TorchLayout, 'toOurs' | 'toTheirs'> {
  const theirs = axes.map((axis) => ours[axis] as number);
  const back = axes.map((_, axis) => axes.indexOf(axis));
  return {
    toOurs: (values) => permuted(values, theirs, back),
    toTheirs: (values) => permuted(values, ours, axes),
  };
}

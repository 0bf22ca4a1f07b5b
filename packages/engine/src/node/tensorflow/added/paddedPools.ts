import * as tf from '@tensorflow/tfjs-core';
import type { KernelCall } from '../quick/replace.ts';
import { replaceKernel } from '../quick/replace.ts';

/** Where the windows of a pool lie on the axes between batch and channels. */
interface Windows {
  /** Padding in front. */
  readonly before: readonly number[];
  /**
   * What the windows cover, padding included; less than the input where they stop short of its end.
   */
  readonly covered: readonly number[];
}

/**
 * Pools padded by numbers that TensorFlow has no op for: average pools, which count no padding,
 * pools of volumes, and max pools whose output is rounded up or whose
 * padding reaches the window's size. They are pools of a padded input: with −∞ for the maximum; for
 * averages with zeros, divided by the same pool of ones,
 * where a window of padding alone gives 0.
 */
export function addPaddedPools(): void {
  for (const kernelName of ['MaxPool', 'MaxPool3D']) {
    replaceKernel(kernelName, (stock) => (call) => {
      const { x } = call.inputs as { x: tf.Tensor };
      if (!isLeftToUs(call, kernelName)) return stock(call);
      return tf.tidy(
        () =>
          stock(
            valid(call, { x: fit(x, windowsOf(x.shape, call), Number.NEGATIVE_INFINITY) }),
          ) as tf.Tensor,
      );
    });
  }
  for (const kernelName of ['AvgPool', 'AvgPool3D']) {
    replaceKernel(kernelName, (stock) => (call) => {
      const { x } = call.inputs as { x: tf.Tensor };
      if (!isLeftToUs(call, kernelName)) return stock(call);
      return tf.tidy(() => {
        const windows = windowsOf(x.shape, call);
        return tf.divNoNan(
          stock(valid(call, { x: fit(x, windows, 0) })) as tf.Tensor,
          share(stock, call, x, windows),
        );
      });
    });
  }
  replaceKernel('AvgPoolGrad', (stock) => (call) => {
    const { dy, input } = call.inputs as { dy: tf.Tensor; input: tf.Tensor };
    if (!isLeftToUs(call, 'AvgPool')) return stock(call);
    const average = tf.getKernel('AvgPool', 'tensorflow').kernelFunc as unknown as typeof stock;
    return tf.tidy(() => {
      // TF.js does not tell the gradient how the output was rounded: dy shows it.
      const windows = windowsOf(input.shape, call, dy.shape.slice(1, -1));
      const weighed = tf.divNoNan(dy, share(average, call, input, windows));
      return unfit(
        stock(valid(call, { dy: weighed, input: fit(input, windows, 0) })) as tf.Tensor,
        input.shape,
        windows,
      );
    });
  });
}

function isLeftToUs({ attrs }: KernelCall, kernelName: string): boolean {
  const {
    pad,
    dimRoundingMode = 'floor',
    filterSize,
  } = attrs as { pad: unknown; dimRoundingMode?: string; filterSize: number | number[] };
  if (typeof pad === 'string') return false;
  if (kernelName !== 'MaxPool') return true;
  const sides = [pad].flat(3) as number[];
  return dimRoundingMode !== 'floor' || Math.max(...sides) >= Math.min(...[filterSize].flat());
}

/** Which part of every window is not padding. */
function share(
  average: (call: KernelCall) => unknown,
  call: KernelCall,
  input: tf.Tensor,
  windows: Windows,
): tf.Tensor {
  return average(valid(call, { x: fit(tf.ones(input.shape), windows, 0) })) as tf.Tensor;
}

function valid(call: KernelCall, inputs: Readonly<Record<string, tf.Tensor>>): KernelCall {
  return { ...call, inputs, attrs: { ...call.attrs, pad: 'valid', dimRoundingMode: undefined } };
}

/**
 * @param outputs Sides of the pool's output, where the attributes do not say how they are rounded.
 */
function windowsOf(
  shape: readonly number[],
  { attrs }: KernelCall,
  outputs?: readonly number[],
): Windows {
  const { filterSize, strides, pad, dimRoundingMode } = attrs as {
    filterSize: number;
    strides: number;
    pad: number;
    dimRoundingMode?: 'floor';
  };
  const { backend_util } = tf;
  if (shape.length === 5) {
    const info = backend_util.computePool3DInfo(
      shape as [number, number, number, number, number],
      filterSize,
      strides,
      1,
      pad,
      dimRoundingMode,
    );
    const [filters, steps] = [
      [info.filterDepth, info.filterHeight, info.filterWidth],
      [info.strideDepth, info.strideHeight, info.strideWidth],
    ];
    const { front, top, left } = info.padInfo;
    return {
      before: [front, top, left],
      covered: coveredBy([info.outDepth, info.outHeight, info.outWidth], steps, filters),
    };
  }
  const info = backend_util.computePool2DInfo(
    shape as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const [filters, steps] = [
    [info.filterHeight, info.filterWidth],
    [info.strideHeight, info.strideWidth],
  ];
  const { top, left } = info.padInfo;
  return {
    before: [top, left],
    covered: coveredBy(outputs ?? [info.outHeight, info.outWidth], steps, filters),
  };
}

function coveredBy(
  outputs: readonly number[],
  strides: readonly number[],
  filters: readonly number[],
): number[] {
  return outputs.map(
    (count, axis) => (count - 1) * (strides[axis] as number) + (filters[axis] as number),
  );
}

/** Pads the inner axes in front, and pads or crops them behind. */
function fit(x: tf.Tensor, windows: Windows, fill: number): tf.Tensor {
  const kept = keptOf(x.shape, windows);
  const cropped = tf.slice(x, new Array(x.rank).fill(0), kept);
  return tf.pad(
    cropped,
    paddings(
      kept,
      [0, ...windows.before, 0],
      [kept[0] as number, ...windows.covered, kept.at(-1) as number],
    ),
    fill,
  );
}

/** The inverse of `fit`: zeros where it cropped. */
function unfit(fitted: tf.Tensor, shape: readonly number[], windows: Windows): tf.Tensor {
  const kept = keptOf(shape, windows);
  return tf.pad(
    tf.slice(fitted, [0, ...windows.before, 0], kept),
    paddings(kept, new Array(kept.length).fill(0), shape),
  );
}

/** How much of the input is under a window. */
function keptOf(shape: readonly number[], { before, covered }: Windows): number[] {
  return shape.map((side, axis) =>
    axis === 0 || axis === shape.length - 1
      ? side
      : Math.min(side, (covered[axis - 1] as number) - (before[axis - 1] as number)),
  );
}

function paddings(
  shape: readonly number[],
  before: readonly number[],
  lengths: readonly number[],
): [number, number][] {
  return shape.map((side, axis) => [
    before[axis] as number,
    (lengths[axis] as number) - side - (before[axis] as number),
  ]);
}

import * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../capi/attributes.ts';
import { attributeType } from '../capi/types.ts';
import {
  channelsLast,
  floatType,
  intAttribute,
  type NodeKernelCall,
  replaceNodeKernel,
} from './replaceKernel.ts';

/**
 * Registers max pools with explicit padding, as PyTorch's are: upstream's kernels have 'same' and
 * 'valid' only. Padding is never the maximum.
 */
export function registerExplicitPooling(): void {
  replaceNodeKernel('MaxPool', (stock) => (call) => {
    const { x } = call.inputs as Record<'x', tf.Tensor>;
    return hasExplicitPadding(call)
      ? call.backend.executeSingleOutput('MaxPool', poolAttributes(x.shape, call), [x])
      : stock(call);
  });
  replaceNodeKernel('MaxPoolGrad', (stock) => (call) => {
    const { dy, input, output } = call.inputs as Record<'dy' | 'input' | 'output', tf.Tensor>;
    if (!hasExplicitPadding(call)) return stock(call);
    return call.backend.executeSingleOutput('MaxPoolGrad', poolAttributes(input.shape, call), [
      input,
      output,
      dy,
    ]);
  });
}

function hasExplicitPadding({ attrs }: NodeKernelCall): boolean {
  return typeof attrs.pad !== 'string';
}

function poolAttributes(input: readonly number[], { attrs }: NodeKernelCall): Attribute[] {
  const { filterSize, strides, pad, dimRoundingMode } = attrs as {
    filterSize: number;
    strides: number;
    pad: number;
    dimRoundingMode?: 'floor';
  };
  const info = tf.backend_util.computePool2DInfo(
    input as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const { top, bottom, left, right } = info.padInfo;
  return [
    floatType,
    intAttribute('ksize', [1, info.filterHeight, info.filterWidth, 1]),
    intAttribute('strides', [1, info.strideHeight, info.strideWidth, 1]),
    intAttribute('explicit_paddings', [0, 0, top, bottom, left, right, 0, 0]),
    { name: 'padding', type: attributeType.string, value: 'EXPLICIT' },
    channelsLast,
  ];
}

/** The extent of a pool's windows on the axes between batch and channels. */
interface Windows {
  /** Padding before the input. */
  readonly before: readonly number[];
  /** Length under the windows, padding included; less than the input's if they end before it. */
  readonly covered: readonly number[];
}

/**
 * Registers pools with explicit padding that TensorFlow has no op for: average pools (padding does
 * not count), pools of volumes, and max pools whose output is rounded up or whose padding is as
 * large as the window. They are pools of a padded input: with −∞ for the maximum; for averages with
 * zeros, divided by the same pool of ones, where a window of padding alone gives 0.
 */
export function registerPaddedPools(): void {
  for (const kernelName of ['MaxPool', 'MaxPool3D']) {
    replaceNodeKernel(kernelName, (stock) => (call) => {
      const { x } = call.inputs as { x: tf.Tensor };
      if (!isUnsupportedByTensorflow(call, kernelName)) return stock(call);
      return tf.tidy(
        () =>
          stock(
            withValidPadding(call, {
              x: padToWindows(x, computeWindows(x.shape, call), Number.NEGATIVE_INFINITY),
            }),
          ) as tf.Tensor,
      );
    });
  }
  for (const kernelName of ['AvgPool', 'AvgPool3D']) {
    replaceNodeKernel(kernelName, (stock) => (call) => {
      const { x } = call.inputs as { x: tf.Tensor };
      if (!isUnsupportedByTensorflow(call, kernelName)) return stock(call);
      return tf.tidy(() => {
        const windows = computeWindows(x.shape, call);
        return tf.divNoNan(
          stock(withValidPadding(call, { x: padToWindows(x, windows, 0) })) as tf.Tensor,
          unpaddedFraction(stock, call, x, windows),
        );
      });
    });
  }
  replaceNodeKernel('AvgPoolGrad', (stock) => (call) => {
    const { dy, input } = call.inputs as { dy: tf.Tensor; input: tf.Tensor };
    if (!isUnsupportedByTensorflow(call, 'AvgPool')) return stock(call);
    const average = tf.getKernel('AvgPool', 'tensorflow').kernelFunc as unknown as typeof stock;
    return tf.tidy(() => {
      // TF.js does not pass the rounding of the output to the gradient: dy's shape has it.
      const windows = computeWindows(input.shape, call, dy.shape.slice(1, -1));
      const weighted = tf.divNoNan(dy, unpaddedFraction(average, call, input, windows));
      return cropToInput(
        stock(
          withValidPadding(call, { dy: weighted, input: padToWindows(input, windows, 0) }),
        ) as tf.Tensor,
        input.shape,
        windows,
      );
    });
  });
}

function isUnsupportedByTensorflow({ attrs }: NodeKernelCall, kernelName: string): boolean {
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

/** The fraction of every window that is not padding. */
function unpaddedFraction(
  average: (call: NodeKernelCall) => unknown,
  call: NodeKernelCall,
  input: tf.Tensor,
  windows: Windows,
): tf.Tensor {
  return average(
    withValidPadding(call, { x: padToWindows(tf.ones(input.shape), windows, 0) }),
  ) as tf.Tensor;
}

function withValidPadding(
  call: NodeKernelCall,
  inputs: Readonly<Record<string, tf.Tensor>>,
): NodeKernelCall {
  return { ...call, inputs, attrs: { ...call.attrs, pad: 'valid', dimRoundingMode: undefined } };
}

/** @param outputs Sides of the pool's output, if the attributes lack their rounding. */
function computeWindows(
  shape: readonly number[],
  { attrs }: NodeKernelCall,
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
      covered: coveredLengths([info.outDepth, info.outHeight, info.outWidth], steps, filters),
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
    covered: coveredLengths(outputs ?? [info.outHeight, info.outWidth], steps, filters),
  };
}

function coveredLengths(
  outputs: readonly number[],
  strides: readonly number[],
  filters: readonly number[],
): number[] {
  return outputs.map(
    (count, axis) => (count - 1) * (strides[axis] as number) + (filters[axis] as number),
  );
}

/** Pads the inner axes before the input, and pads or crops them after it. */
function padToWindows(x: tf.Tensor, windows: Windows, fill: number): tf.Tensor {
  const size = coveredInput(x.shape, windows);
  const cropped = tf.slice(x, new Array(x.rank).fill(0), size);
  return tf.pad(
    cropped,
    paddings(
      size,
      [0, ...windows.before, 0],
      [size[0] as number, ...windows.covered, size.at(-1) as number],
    ),
    fill,
  );
}

/** The inverse of `padToWindows`: zeros in place of what it cropped. */
function cropToInput(fitted: tf.Tensor, shape: readonly number[], windows: Windows): tf.Tensor {
  const size = coveredInput(shape, windows);
  return tf.pad(
    tf.slice(fitted, [0, ...windows.before, 0], size),
    paddings(size, new Array(size.length).fill(0), shape),
  );
}

/** The shape of the part of the input that is under a window. */
function coveredInput(shape: readonly number[], { before, covered }: Windows): number[] {
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

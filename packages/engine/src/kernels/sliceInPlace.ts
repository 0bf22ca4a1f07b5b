import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replaceKernel.ts';

type Numbers = Float32Array | Int32Array | Uint8Array;

/**
 * The part of the `wasm` backend that is used: its tensors lie in a heap that JavaScript can
 * access.
 */
interface HeapBackend {
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Numbers;
}

/** Runs up to this length are copied element by element: a call of `set` costs as much. */
const shortRun = 32;

/**
 * Registers `Slice` as a copy within the heap, and `SplitV` and `Unpack` as slices. Upstream's copy
 * the whole tensor out of the heap for every slice of it.
 */
export function registerSliceInPlace(backendName: string): void {
  replaceKernel('Slice', backendName, (stock) => (call) => {
    const { x } = call.inputs as { x: tf.Tensor };
    if (x.dtype === 'string') return stock(call);
    const { begin: beginAttr, size: sizeAttr } = call.attrs as unknown as {
      begin: number[];
      size: number[];
    };
    const [begin, size] = tf.slice_util.parseSliceParams(x, beginAttr, sizeAttr) as [
      number[],
      number[],
    ];
    const heap = call.backend as HeapBackend;
    // Before the views, since it may move the heap.
    const output = heap.makeOutput(size, x.dtype);
    copySlice(heap.typedArrayFromHeap(x), heap.typedArrayFromHeap(output), x.shape, begin, size);
    return output;
  });
  replaceKernel('SplitV', backendName, () => (call) => {
    const { x } = call.inputs as { x: tf.Tensor };
    const { numOrSizeSplits, axis } = call.attrs as unknown as {
      numOrSizeSplits: number[] | number;
      axis: number;
    };
    const [along] = tf.util.parseAxisParam(axis, x.shape) as [number];
    return splitInto(x, along, tf.backend_util.prepareSplitSize(x, numOrSizeSplits, along));
  });
  replaceKernel('Unpack', backendName, () => (call) => {
    const { value } = call.inputs as { value: tf.Tensor };
    const [along] = tf.util.parseAxisParam(
      (call.attrs as unknown as { axis: number }).axis,
      value.shape,
    ) as [number];
    const shape = value.shape.filter((_, axis) => axis !== along);
    return tf.tidy(() =>
      splitInto(
        value,
        along,
        Array.from({ length: value.shape[along] as number }, () => 1),
      ).map((piece) => tf.reshape(piece, shape)),
    );
  });
}

function splitInto(x: tf.Tensor, axis: number, lengths: readonly number[]): tf.Tensor[] {
  const begin = x.shape.map(() => 0);
  return lengths.map((length) => {
    const size = [...x.shape];
    size[axis] = length;
    const piece = tf.slice(x, begin, size);
    begin[axis] = (begin[axis] as number) + length;
    return piece;
  });
}

/** Copies a box of `shape` run by run; trailing axes that are copied whole are one run. */
function copySlice(
  from: Numbers,
  to: Numbers,
  shape: readonly number[],
  begin: readonly number[],
  size: readonly number[],
): void {
  let inner = shape.length;
  let run = 1;
  let isWhole = true;
  while (inner > 0 && isWhole) {
    inner--;
    run *= size[inner] as number;
    isWhole = size[inner] === shape[inner];
  }
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, side) => product * side, 1),
  );
  const start = begin.reduce((offset, at, axis) => offset + at * (strides[axis] as number), 0);
  let written = 0;
  const copy = (axis: number, offset: number): void => {
    if (axis < inner) {
      for (let at = 0; at < (size[axis] as number); at++)
        copy(axis + 1, offset + at * (strides[axis] as number));
      return;
    }
    if (run > shortRun) to.set(from.subarray(offset, offset + run), written);
    else for (let at = 0; at < run; at++) to[written + at] = from[offset + at] as number;
    written += run;
  };
  if (to.length > 0) copy(0, start);
}

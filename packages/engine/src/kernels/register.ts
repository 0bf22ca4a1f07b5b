import * as tf from '@tensorflow/tfjs-core';
import { depthwiseBackpropFilter, depthwiseBackpropInput } from './depthwise.ts';
import { einsum } from './einsum.ts';
import { conv2dBackpropFilter } from './filterGradient.ts';
import { conv2dBackpropInput } from './inputGradient.ts';
import { unsortedSegmentSum } from './segmentSum.ts';

/** A kernel composed of other kernels of the same backend. */
type Composed = (inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap) => tf.Tensor;

const composed: Readonly<Record<string, Composed>> = {
  Conv2DBackpropFilter: conv2dBackpropFilter,
  Conv2DBackpropInput: conv2dBackpropInput,
  DepthwiseConv2dNativeBackpropFilter: depthwiseBackpropFilter,
  DepthwiseConv2dNativeBackpropInput: depthwiseBackpropInput,
  Einsum: einsum,
  UnsortedSegmentSum: unsortedSegmentSum,
};

/**
 * Registers kernels for a backend that lacks them. @param instead Those that it has, and that are
 * replaced because ours are quicker there.
 */
export function registerComposedKernels(
  backendName: string,
  instead: readonly string[] = [],
): void {
  for (const [kernelName, run] of Object.entries(composed)) {
    const own = tf.getKernel(kernelName, backendName);
    if (own !== undefined && !instead.includes(kernelName)) continue;
    if (own !== undefined) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => run(inputs, attrs ?? {}),
    });
  }
}

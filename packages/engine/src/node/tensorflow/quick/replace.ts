import * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../attributes.ts';
import { attributeType, dataType } from '../constants.ts';
import type { NodeBackend } from '../kernels.ts';

/** What a kernel of ours gets: inputs as tensors of this backend. */
export interface KernelCall {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly backend: NodeBackend;
}

type Kernel = (call: KernelCall) => tf.Tensor | tf.Tensor[];

/**
 * Registers a kernel for `tensorflow`. @param make Gets the kernel that was there, for the cases it
 * leaves to it.
 */
export function replaceKernel(kernelName: string, make: (stock: Kernel) => Kernel): void {
  const stock = tf.getKernel(kernelName, 'tensorflow');
  if (stock !== undefined) tf.unregisterKernel(kernelName, 'tensorflow');
  const run = make(stock?.kernelFunc as unknown as Kernel);
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: (call) => run(call as unknown as KernelCall),
  });
}

/**
 * Replaces a gradient while `tensorflow` is current; on other engines it is as it was. TF.js keeps
 * one gradient for all backends.
 * @param make Gets the gradient that was there. @param saves What is saved for it, on all engines:
 * the gradient that was there must do with it.
 */
export function replaceGradient(
  kernelName: string,
  make: (stock: tf.GradFunc) => tf.GradFunc,
  saves: Pick<tf.GradConfig, 'inputsToSave' | 'outputsToSave'> = {},
): void {
  const stock = tf.getGradient(kernelName);
  if (stock === undefined)
    throw new Error(
      `tensorflow: expected a gradient for ${kernelName}, got none; register TensorFlow.js's gradients first.`,
    );
  const ours = make(stock.gradFunc);
  tf.unregisterGradient(kernelName);
  const gradFunc: tf.GradFunc = (dy, saved, attrs) =>
    (tf.getBackend() === 'tensorflow' ? ours : stock.gradFunc)(dy, saved, attrs);
  const config = { ...stock, ...saves, gradFunc };
  replaced.set(kernelName, config);
  tf.registerGradient(config);
}

const replaced = new Map<string, tf.GradConfig>();

/**
 * Puts our gradients back where others were registered since: @tensorflow/tfjs-layers registers all
 * of TensorFlow.js's when it is imported, which may be after
 * the engine has started (`await import`). Without ours a convolution before a ReLU would be
 * computed twice.
 */
export function renewGradients(): void {
  for (const [kernelName, config] of replaced) {
    if (tf.getGradient(kernelName) === config) continue;
    tf.unregisterGradient(kernelName);
    tf.registerGradient(config);
  }
}

/** The attribute T: float32, which is all that training uses. */
export const floatType: Attribute = {
  name: 'T',
  type: attributeType.type,
  value: dataType.float32,
};

export const channelsLast: Attribute = {
  name: 'data_format',
  type: attributeType.string,
  value: 'NHWC',
};

/** Runs a kernel of ours as an op, so that it is on the tape. */
export function run(
  kernelName: string,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attrs: Readonly<Record<string, unknown>> = {},
): tf.Tensor {
  return tf
    .engine()
    .runKernel(kernelName, inputs as tf.NamedTensorMap, attrs as tf.NamedAttrMap) as tf.Tensor;
}

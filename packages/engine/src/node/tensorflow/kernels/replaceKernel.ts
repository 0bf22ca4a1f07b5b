import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from '../../../kernels/replaceKernel.ts';
import type { NodeBackend } from '../binding/vendoredBackend.ts';
import type { Attribute } from '../capi/attributes.ts';
import { attributeType, dataType } from '../capi/types.ts';

/** Arguments of a kernel of ours: inputs are tensors of this backend. */
export interface NodeKernelCall {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly backend: NodeBackend;
}

type NodeKernel = (call: NodeKernelCall) => tf.Tensor | tf.Tensor[];

/** `replaceKernel` for `tensorflow`, typed by its backend. */
export const replaceNodeKernel: (
  kernelName: string,
  make: (stock: NodeKernel) => NodeKernel,
) => void = (kernelName, make) =>
  replaceKernel(
    kernelName,
    'tensorflow',
    (stock) => make(stock as unknown as NodeKernel) as unknown as tf.KernelFunc,
  );

/**
 * Replaces a gradient while `tensorflow` is current; other engines keep the one that was there,
 * since TF.js has one gradient for all backends.
 * @param make Gets the gradient that was there. @param saves The tensors that are saved for it, on
 * all engines: the gradient that was there must work with them.
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
 * Registers our gradients again if others have been registered since: @tensorflow/tfjs-layers
 * registers all of TensorFlow.js's when it is imported, which may be after the engine has started
 * (`await import`). Without ours a convolution before a ReLU would be computed twice.
 */
export function restoreGradients(): void {
  for (const [kernelName, config] of replaced) {
    if (tf.getGradient(kernelName) === config) continue;
    tf.unregisterGradient(kernelName);
    tf.registerGradient(config);
  }
}

/** An attribute whose value is a TF_DataType. */
export function typeAttribute(name: string, type: number): Attribute {
  return { name, type: attributeType.type, value: type };
}

/** An attribute of one integer, or of a list. */
export function intAttribute(name: string, value: number | number[]): Attribute {
  return { name, type: attributeType.int, value };
}

/** The attribute T: float32, the only type that training uses. */
export const floatType = typeAttribute('T', dataType.float32);

export const channelsLast: Attribute = {
  name: 'data_format',
  type: attributeType.string,
  value: 'NHWC',
};

/** Runs a kernel of ours as an op, so that it is on the tape. */
export function runKernel(
  kernelName: string,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attrs: Readonly<Record<string, unknown>> = {},
): tf.Tensor {
  return tf
    .engine()
    .runKernel(kernelName, inputs as tf.NamedTensorMap, attrs as tf.NamedAttrMap) as tf.Tensor;
}

import * as tf from '@tensorflow/tfjs-core';

/**
 * Replaces a kernel of a backend, where it has one. @param make Gets the kernel that was there, for
 * the cases it leaves to it.
 */
export function replaceKernel(
  kernelName: string,
  backendName: string,
  make: (stock: tf.KernelFunc) => tf.KernelFunc,
): void {
  const stock = tf.getKernel(kernelName, backendName);
  if (stock === undefined) return;
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ ...stock, kernelFunc: make(stock.kernelFunc) });
}
